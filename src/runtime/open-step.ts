import type { Amounts } from '../core/amounts.ts';
import { publicAmounts } from '../core/budget.ts';
import type { Member } from '../core/crowd.ts';
import { toUsd } from '../core/money.ts';
import type { Offer } from '../core/offer.ts';
import type { Ask } from '../core/reservation.ts';
import type { Call } from '../core/step.ts';
import type { AccountPlan } from './accounts.ts';
import { within } from './ambient.ts';
import { furtherAttemptAsk, furtherOutputAsk, nothingExpected, type ModelTerms } from './asks.ts';
import { countOutput, newestIn, openAttempt, type Attempt, type Hold } from './attempt.ts';
import type { StepInfo } from './events.ts';
import type { GiveBack } from './gate.ts';
import { judgeText } from './judge-run.ts';
import { promptPrint } from './prompt-print.ts';
import { callName, refuse, type RunCore } from './run-core.ts';
import { releaseStep, settleStep, type Outcome } from './settle-step.ts';
import type { Step, StreamChannel } from './step.ts';
import { StepHandle } from './step-handle.ts';
import { detach, isPromise } from './time-limit.ts';
import type { ReserveReply } from '../stores/store.ts';

export interface OpenStepParts {
  readonly core: RunCore;
  readonly id: string;
  readonly index: number;
  readonly round: number;
  readonly call: Call;
  readonly offer: Offer;
  readonly plan: AccountPlan;
  /** What is held, and how many output tokens that allows. */
  readonly amounts: Amounts;
  readonly units: number;
  /** For model calls. */
  readonly terms: ModelTerms | undefined;
  /** The provider does not hold to the output cap: a stream is cut when its hold is used up and there is no more. */
  readonly isWatched: boolean;
  /** The host's own id of the call, where a door knows it. */
  readonly key: string | undefined;
  /** The name of the call in the host's checkpoint. */
  readonly replayKey?: string | undefined;
  /** The step was done before the run was paused: it is in the books already. */
  readonly isReplay?: boolean | undefined;
  readonly startedAt: number;
  readonly giveBack: GiveBack;
}

/** How long a step may be silent before it is given up: no call of today takes longer. */
const SILENCE_MAX_MS = 15 * 60_000;
/** How much more output is held at a time when a stream outgrows its hold. */
const FURTHER_OUTPUT = 1_024;

/** Opens a step whose hold is in place. */
export function openStep(parts: OpenStepParts): OpenStep {
  const opened = new OpenStep(parts);
  const { core } = parts;
  const { events } = core.guard;
  core.opened(opened);
  if (!parts.isReplay && events.has('step:start')) events.emit('step:start', { run: core.info, step: opened.describe() });
  return opened;
}

/**
 * A step and what the runtime does with it behind the user's back. A class, and not a bundle of functions: one is made for every
 * step, between the steps of a host that leaves no cache warm.
 */
export class OpenStep implements Member {
  readonly parts: OpenStepParts;
  readonly attempts: Attempt[];
  /** The handle of whoever began the step. Only this one ends it. */
  readonly step: Step;
  /** Among the open steps of the guard. */
  place = -1;
  isOpen = true;
  private heardAt: number;
  private furtherHolds = 0;
  private info: StepInfo | undefined;

  constructor(parts: OpenStepParts) {
    this.parts = parts;
    this.attempts = [openAttempt({ id: parts.id, amounts: parts.amounts }, parts.units, parts.key)];
    this.heardAt = parts.startedAt;
    this.step = new StepHandle(this, undefined);
  }

  /** Built only when somebody listens. */
  describe(): StepInfo {
    return (this.info ??= stepInfo(this.parts));
  }

  newest(): Attempt {
    return this.attempts[this.attempts.length - 1] as Attempt;
  }

  /** Whether a call that a door inside sees is this one. */
  isSame(inner: Call): boolean {
    return this.isOpen && isSameCall(this.parts.call, inner);
  }

  heard(): void {
    this.heardAt = this.parts.core.guard.clock.now();
  }

  /** Lets a door inside in on the step. A door that names its attempt by a new key makes a further attempt. */
  join(key: string | undefined, isRequest = false): Step | Promise<Step> {
    const { attempts } = this;
    const first = attempts[0] as Attempt;
    const { core, offer, terms } = this.parts;
    const around = attempts.findLast(({ doors }) => doors > 0);
    if (!isRequest) {
      const known =
        attempts.find(({ keys }) => key !== undefined && keys.includes(key)) ??
        // A door that is still open is around this one, unless both have names and they differ.
        attempts.findLast(({ doors, keys }) => doors > 0 && (key === undefined || keys.length === 0));
      if (known) return this.joinAttempt(known, key);
    } else if (around && !around.isRequested) return this.joinAttempt(around, key, isRequest);
    if (!first.isJoined || !terms) return this.joinAttempt(first, key, isRequest);
    core.assertGoing(offer.isClosing);
    const take = (hold: Hold, units: number): Step => {
      const attempt = openAttempt(hold, units, key);
      attempts.push(attempt);
      if (isRequest && around) newestIn(around).next = attempt;
      return this.joinAttempt(attempt, key, isRequest);
    };
    return this.holdMore(furtherAttemptAsk(terms), take, () => this.joinAttempt(first, key));
  }

  private joinAttempt(attempt: Attempt, key: string | undefined, isRequest = false): Step {
    if (isRequest) attempt.isRequested = true;
    if (key !== undefined && !attempt.keys.includes(key)) attempt.keys.push(key);
    attempt.isJoined = true;
    attempt.doors += 1;
    return new StepHandle(this, attempt);
  }

  /** A piece of the output of an attempt, as a door sees it. Where several doors do, the first one counts. */
  stream(attempt: Attempt, door: object, delta: string, channel: StreamChannel): void | Promise<void> {
    const { core, call, terms } = this.parts;
    if (!this.isOpen || !terms) return undefined;
    this.heard();
    attempt.counter ??= door;
    const streamed = attempt.counter === door ? countOutput(attempt, delta, channel, callName(call), core.guard.meter) : 0;
    const stopped = core.haltError();
    if (stopped) throw stopped;
    if (attempt.counter !== door) return attempt.growing;
    core.tree.streaming ??= this.parts;
    if (core.tree.streaming === this.parts) judgeText(core, delta, channel);
    if (!this.parts.isWatched || streamed <= attempt.units) return undefined;
    return (attempt.growing ??= this.grow(attempt, terms, streamed));
  }

  private grow(attempt: Attempt, terms: ModelTerms, streamed: number): Promise<void> | undefined {
    const take = (hold: Hold, units: number): void => {
      attempt.holds.push(hold);
      attempt.units += units;
    };
    const growing = this.holdMore(furtherOutputAsk(terms, Math.max(FURTHER_OUTPUT, streamed - attempt.units)), take, () => undefined);
    if (!isPromise(growing)) return undefined;
    const grown = growing.finally(() => (attempt.growing = undefined));
    // A host that does not wait for the answer hears of a cut at the next piece.
    detach(grown);
    return grown;
  }

  /**
   * Takes a further hold of this step and hands it on, at once where the store answers at once. A hold that comes when
   * the step or its run is over is given back; `tooLate` says what is made of a step that has ended.
   */
  private holdMore<T>(ask: Ask, take: (hold: Hold, units: number) => T, tooLate: () => T): T | Promise<T> {
    const { core, id, index, plan } = this.parts;
    const { ledger, holdTtlMs } = core.guard;
    this.furtherHolds += 1;
    const holdId = `${id}+${this.furtherHolds}`;
    const granted = (reply: ReserveReply | { granted: false; denial?: undefined }): T => {
      if (this.isOpen && !reply.granted) throw refuse(core, reply.denial, index);
      const stopped = core.haltError();
      if (this.isOpen && reply.granted && !stopped) return take({ id: holdId, amounts: reply.amounts }, reply.units);
      if (reply.granted) ledger.settle(holdId, plan, undefined);
      if (stopped) throw stopped;
      return tooLate();
    };
    const reply = ledger.reserve({ id: holdId, plan, asks: [ask], ttlMs: holdTtlMs });
    return isPromise(reply) ? Promise.resolve(reply).then(granted) : granted(reply);
  }

  /** Books the step as its attempts came out. */
  close(outcome: Outcome): void {
    this.isOpen = false;
    const { core, call, offer, round, isReplay, replayKey } = this.parts;
    if (call.kind === 'model') core.round = round;
    if (isReplay) return this.leave();
    if (replayKey !== undefined) core.tree.replays.done(replayKey);
    // Booked first: a run that waits for its last step ends when that one leaves.
    try {
      settleStep(this, outcome);
    } finally {
      if (offer.isClosing) core.closingEnded(outcome.kind === 'error');
      this.leave();
    }
  }

  /** Gives everything back: nothing was sent. */
  giveBackAll(): void {
    this.isOpen = false;
    const { core, offer, isReplay } = this.parts;
    if (isReplay) return this.leave();
    releaseStep(this);
    if (offer.isClosing) core.closingEnded(true);
    this.leave();
  }

  private leave(): void {
    const { core, giveBack } = this.parts;
    if (core.tree.streaming === this.parts) core.tree.streaming = undefined;
    giveBack();
    core.closed(this);
  }

  /** Whether a door inside knows that something was sent, whatever the one outside says. */
  wasSent(): boolean {
    return this.attempts.some(({ usage, outcome, streamed }) => usage ?? (outcome?.kind === 'ok' || streamed > 0));
  }

  /** Lets the holds live on; gives the step up when nothing was heard of it for too long. */
  keepAlive(): void {
    const { core, isReplay } = this.parts;
    const { clock, ledger, holdTtlMs } = core.guard;
    if (clock.now() - this.heardAt > SILENCE_MAX_MS) return this.giveUp();
    if (!isReplay) for (const { holds } of this.attempts) for (const hold of holds) ledger.extend(hold.id, holdTtlMs);
  }

  /** Books the step as it stands: nobody will end it. */
  giveUp(): void {
    if (!this.isOpen) return;
    for (const attempt of this.attempts) attempt.outcome ??= { kind: 'failed', bill: 'sent' };
    this.close({ kind: 'error', result: undefined, error: undefined });
  }

  /** Runs `fn` with this step around it. */
  within<T>(fn: () => T, mark: unknown): T {
    const { core, call } = this.parts;
    const { key: guard } = core.guard;
    return within({ guard, run: core.run, agent: core.info.agent, step: this, holdsSlot: call.kind === 'model', mark }, fn);
  }
}

/** A tool inside a tool is another call; a model inside the wrapper of a model is the same. */
function isSameCall(call: Call, inner: Call): boolean {
  if (call.kind === 'model' || inner.kind === 'model') return call.kind === inner.kind;
  return inner.name === call.name && (inner.id === undefined || call.id === undefined || inner.id === call.id);
}

function stepInfo({ id, index, round, call, offer, startedAt, amounts, terms }: OpenStepParts): StepInfo {
  const { inputTokens, outputTokens, nanoUsd } = terms?.expected ?? nothingExpected;
  return {
    id,
    index,
    round,
    kind: call.kind,
    name: callName(call),
    startedAt,
    held: publicAmounts(amounts),
    expected: { inputTokens, outputTokens, usd: toUsd(nanoUsd) },
    rungs: offer.kind === 'call' ? offer.rungs : [offer.from],
    prompt: promptPrint(call),
  };
}
