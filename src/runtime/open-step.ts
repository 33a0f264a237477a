import type { Amounts } from '../core/amounts.ts';
import { publicAmounts } from '../core/budget.ts';
import { toUsd } from '../core/money.ts';
import type { Offer } from '../core/offer.ts';
import type { Ask } from '../core/reservation.ts';
import type { Call } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';
import type { AccountPlan } from './accounts.ts';
import { within } from './ambient.ts';
import { furtherAttemptAsk, furtherOutputAsk, nothingExpected, type ModelTerms } from './asks.ts';
import { countOutput, newestIn, openAttempt, type Attempt, type Hold } from './attempt.ts';
import type { StepInfo } from './events.ts';
import { failureBill } from './failure.ts';
import type { GiveBack } from './gate.ts';
import { promptPrint } from './prompt-print.ts';
import { callName, refuse, type RunCore } from './run-core.ts';
import { releaseStep, settleStep, type Outcome } from './settle-step.ts';
import type { Step, StreamChannel } from './step.ts';
import { detach, isPromise } from './time-limit.ts';
import type { ReserveReply } from '../stores/store.ts';

/** A step and what the runtime does with it behind the user's back. */
export interface OpenStep {
  readonly step: Step;
  /** Whether a call that a door inside sees is this one. */
  isSame(call: Call): boolean;
  /** Lets a door inside in on the step. A door that names its attempt by a new key makes a further attempt. */
  join(key: string | undefined, isRequest?: boolean): Step | Promise<Step>;
  /** Lets the holds live on; gives the step up when nothing was heard of it for too long. */
  keepAlive(): void;
  /** Books the step as it stands: nobody will end it. */
  giveUp(): void;
}

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
  const { core, id, index, call, offer, plan, terms } = parts;
  const { ledger, meter, clock, events, key: guardKey, holdTtlMs } = core.guard;
  const first = openAttempt({ id, amounts: parts.amounts }, parts.units, parts.key);
  const attempts: Attempt[] = [first];
  let heardAt = parts.startedAt;
  let isOpen = true;
  // `isOpen` of a handle is a field and not a getter: each object with a getter of its own has a hidden class of its own,
  // which only a full collection takes away, and with it all that the getter can see. Measured: 15 times the survivors.
  const handles: { isOpen: boolean }[] = [];
  let furtherHolds = 0;
  // Built only when somebody listens.
  let info: StepInfo | undefined;
  const describe = (): StepInfo => (info ??= stepInfo(parts));
  const newest = (): Attempt => attempts.at(-1) ?? first;

  /**
   * Takes a further hold of this step and hands it on, at once where the store answers at once. A hold that comes when
   * the step or its run is over is given back; `tooLate` says what is made of a step that has ended.
   */
  function holdMore<T>(ask: Ask, take: (hold: Hold, units: number) => T, tooLate: () => T): T | Promise<T> {
    furtherHolds += 1;
    const holdId = `${id}+${furtherHolds}`;
    const granted = (reply: ReserveReply | { granted: false; denial?: undefined }): T => {
      if (isOpen && !reply.granted) throw refuse(core, reply.denial, index);
      const stopped = core.haltError();
      if (isOpen && reply.granted && !stopped) return take({ id: holdId, amounts: reply.amounts }, reply.units);
      if (reply.granted) ledger.settle(holdId, plan, undefined);
      if (stopped) throw stopped;
      return tooLate();
    };
    const reply = ledger.reserve({ id: holdId, plan, asks: [ask], ttlMs: holdTtlMs });
    return isPromise(reply) ? Promise.resolve(reply).then(granted) : granted(reply);
  }

  function stream(attempt: Attempt, door: object, delta: string, channel: StreamChannel): void | Promise<void> {
    if (!isOpen || !terms) return undefined;
    heardAt = clock.now();
    attempt.counter ??= door;
    const streamed = attempt.counter === door ? countOutput(attempt, delta, channel, callName(call), meter) : 0;
    const stopped = core.haltError();
    if (stopped) throw stopped;
    if (attempt.counter !== door) return attempt.growing;
    core.tree.streaming ??= parts;
    if (core.tree.streaming === parts) core.judgeText(delta, channel);
    if (!parts.isWatched || streamed <= attempt.units) return undefined;
    return (attempt.growing ??= grow(attempt, terms, streamed));
  }

  function grow(attempt: Attempt, terms: ModelTerms, streamed: number): Promise<void> | undefined {
    const take = (hold: Hold, units: number): void => {
      attempt.holds.push(hold);
      attempt.units += units;
    };
    const growing = holdMore(furtherOutputAsk(terms, Math.max(FURTHER_OUTPUT, streamed - attempt.units)), take, () => undefined);
    if (!isPromise(growing)) return undefined;
    const grown = growing.finally(() => (attempt.growing = undefined));
    // A host that does not wait for the answer hears of a cut at the next piece.
    detach(grown);
    return grown;
  }

  function leave(): void {
    if (core.tree.streaming === parts) core.tree.streaming = undefined;
    parts.giveBack();
    core.closed(opened);
  }

  function end(): void {
    isOpen = false;
    for (const each of handles) each.isOpen = false;
  }

  function close(outcome: Outcome): void {
    end();
    if (call.kind === 'model') core.round = parts.round;
    if (parts.isReplay) return leave();
    if (parts.replayKey !== undefined) core.tree.replays.done(parts.replayKey);
    // Booked first: a run that waits for its last step ends when that one leaves.
    try {
      settleStep(parts, describe, attempts, outcome);
    } finally {
      if (offer.isClosing) core.closingEnded(outcome.kind === 'error');
      leave();
    }
  }

  function giveBackAll(): void {
    end();
    if (parts.isReplay) return leave();
    releaseStep(parts, describe, attempts);
    if (offer.isClosing) core.closingEnded(true);
    leave();
  }

  /** Whether a door inside knows that something was sent, whatever the one outside says. */
  const wasSent = (): boolean => attempts.some(({ usage, outcome, streamed }) => usage ?? (outcome?.kind === 'ok' || streamed > 0));

  /** One door's handle: on the step itself, or joined to an attempt of it. Only the step's own handle ends it. */
  function handle(joined: Attempt | undefined): Step {
    const once = (act: () => void): Promise<void> => {
      if (own.isOpen) {
        own.isOpen = false;
        heardAt = clock.now();
        if (joined) joined.doors -= 1;
        act();
      }
      return Promise.resolve();
    };
    // What a door inside found out (a bill, a cache hit, the model that answered) is not lost to one further out.
    const note = (attempt: Attempt, outcome: Attempt['outcome'], usage: UsageReport | undefined): void => {
      attempt.outcome ??= outcome;
      if (usage && isKnown(usage)) attempt.usage ??= usage;
    };
    const current = (): Attempt => (joined ? newestIn(joined) : newest());
    const own: Step & { isOpen: boolean } = {
      id,
      index,
      call,
      offer,
      signal: core.signal,
      isJoined: joined !== undefined,
      isOpen,
      stream: (delta, channel = 'text') => stream(current(), own, delta, channel),
      end: (result, usage) =>
        once(() => {
          note(current(), { kind: 'ok', result }, usage);
          if (!joined) close({ kind: 'ok', result: { ...innerResult(newest()), ...result }, error: undefined });
        }),
      fail: (error, usage) =>
        once(() => {
          const attempt = current();
          const bill = failureBill(error, attempt.streamed > 0, core.haltError());
          const wasUnsent = bill === 'unsent' && attempt.outcome === undefined && !usage;
          note(attempt, { kind: 'failed', bill }, usage);
          if (joined) return;
          if (wasUnsent && call.kind === 'model' && attempts.length === 1) giveBackAll();
          else close({ kind: 'error', result: undefined, error });
        }),
      release: () =>
        once(() => {
          note(current(), { kind: 'failed', bill: 'unsent' }, undefined);
          if (joined) return;
          if (wasSent()) close({ kind: 'error', result: undefined, error: undefined });
          else giveBackAll();
        }),
      within: (fn, mark) =>
        within({ guard: guardKey, run: core.run, agent: core.info.agent, step: opened, holdsSlot: call.kind === 'model', mark }, fn),
    };
    handles.push(own);
    return own;
  }

  const joinAttempt = (attempt: Attempt, key: string | undefined, isRequest = false): Step => {
    if (isRequest) attempt.isRequested = true;
    if (key !== undefined && !attempt.keys.includes(key)) attempt.keys.push(key);
    attempt.isJoined = true;
    attempt.doors += 1;
    return handle(attempt);
  };

  const opened: OpenStep = {
    step: handle(undefined),
    isSame: (inner) => isOpen && isSameCall(call, inner),
    join(key, isRequest = false) {
      const around = attempts.findLast(({ doors }) => doors > 0);
      if (!isRequest) {
        const known =
          attempts.find(({ keys }) => key !== undefined && keys.includes(key)) ??
          // A door that is still open is around this one, unless both have names and they differ.
          attempts.findLast(({ doors, keys }) => doors > 0 && (key === undefined || keys.length === 0));
        if (known) return joinAttempt(known, key);
      } else if (around && !around.isRequested) return joinAttempt(around, key, isRequest);
      if (!first.isJoined || !terms) return joinAttempt(first, key, isRequest);
      core.assertGoing(offer.isClosing);
      const take = (hold: Hold, units: number): Step => {
        const attempt = openAttempt(hold, units, key);
        attempts.push(attempt);
        if (isRequest && around) newestIn(around).next = attempt;
        return joinAttempt(attempt, key, isRequest);
      };
      return holdMore(furtherAttemptAsk(terms), take, () => joinAttempt(first, key));
    },
    keepAlive() {
      if (clock.now() - heardAt > SILENCE_MAX_MS) return opened.giveUp();
      if (!parts.isReplay) for (const { holds } of attempts) for (const hold of holds) ledger.extend(hold.id, holdTtlMs);
    },
    giveUp() {
      if (!isOpen) return;
      for (const attempt of attempts) attempt.outcome ??= { kind: 'failed', bill: 'sent' };
      close({ kind: 'error', result: undefined, error: undefined });
    },
  };
  core.opened(opened);
  if (!parts.isReplay && events.has('step:start')) events.emit('step:start', { run: core.info, step: describe() });
  return opened;
}

const isKnown = (usage: UsageReport): boolean => Object.values(usage).some((value) => value !== undefined);

const innerResult = ({ outcome }: Attempt): object | undefined => (outcome?.kind === 'ok' ? outcome.result : undefined);

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
