import { excess, plus, zero, type Amounts } from '../core/amounts.ts';
import { publicAmounts } from '../core/budget.ts';
import type { Call, StepRecord, StepResult } from '../core/step.ts';
import type { Usage } from '../core/usage.ts';
import { hashNumbers, hashText } from '../loops/hash.ts';
import { dealOver, nothingExpected } from './asks.ts';
import { answeringModel, bookAttempt, heldByAll, type Attempt, type Booking } from './attempt.ts';
import type { EndedStepInfo } from './events.ts';
import { judgeStep } from './judge-run.ts';
import type { OpenStep, OpenStepParts } from './open-step.ts';
import { callName, emitAlerts } from './run-core.ts';
import { sizeOf } from './sizes.ts';
import { detach, isPromise } from './time-limit.ts';
import { noUsage, plusUsage } from './totals.ts';

/** How a step came out. */
export interface Outcome {
  readonly kind: 'ok' | 'error';
  readonly result: StepResult | undefined;
  readonly error: unknown;
}

/** Books a finished step in every account, adds it to its run, tells listeners and detectors. */
export function settleStep(step: OpenStep, outcome: Outcome): void {
  const { parts, attempts } = step;
  const { core, call, terms, offer } = parts;
  const isAnswered = offer.kind === 'answer';
  const { events, meter, clock } = core.guard;
  const { result } = outcome;
  const booked = bookingsOf(parts, attempts);
  const { used, overage, isDuplicate } = settleHolds(parts, attempts, booked);
  const usage = usageOf(booked);
  const isEstimated = booked.some((each) => each.isEstimated);
  const isCached = booked.some((each) => each.isCached);
  const name = call.kind === 'model' ? answeringModel(call, result) : call.name;
  const endedAt = clock.now();
  for (const { problem } of booked) if (problem) events.emit('usage:invalid', { run: core.info, step: parts.index, problem });
  if (!isDuplicate) {
    core.add({
      kind: call.kind,
      name,
      calls: isAnswered ? 0 : attempts.length,
      used,
      held: heldByAll(attempts),
      overage,
      expected: terms?.expected ?? nothingExpected,
      usage,
      isEstimated,
      price: booked[0]?.price,
      isUnpriced: call.kind === 'model' && !isAnswered && booked.some(({ price, isCached: cached }) => price === undefined && !cached),
    });
  }
  const reported = attempts.length === 1 && !booked[0]?.problem ? attempts[0]?.usage : undefined;
  const isBilledAsAsked = name === callName(call) && !isCached && !isDuplicate && outcome.kind === 'ok';
  if (call.kind === 'model' && terms && usage && reported && isBilledAsAsked) meter.learn(call.model, terms.input, usage, call, reported);
  tell(step, {
    name,
    endedAt,
    outcome: isAnswered && outcome.kind === 'ok' ? 'answered' : outcome.kind,
    used,
    usage,
    isEstimated,
    isCached,
    overage,
    attempts: attempts.length,
    output: result?.text ?? result?.output,
    priceSource: booked[0]?.price?.source,
  });
  noteCompaction(parts);
  // A step that failed because the run was stopped says nothing of the agent, nor does an answer that nobody saw.
  const isSilent = call.kind === 'model' && outcome.kind === 'ok' && wordsOf(call, result) === undefined && !result?.toolCalls;
  if (!isSilent && !isDuplicate && (outcome.kind === 'ok' || !core.haltError()))
    judgeStep(core, recordOf(parts, outcome, { usage, used, name, endedAt }));
}

/** Gives all holds of a step back: nothing was sent. */
export function releaseStep(step: OpenStep): void {
  const { parts, attempts } = step;
  const { core, plan } = parts;
  for (const { holds } of attempts) for (const hold of holds) core.guard.ledger.settle(hold.id, plan, undefined);
  tell(step, {
    name: undefined,
    endedAt: core.guard.clock.now(),
    outcome: 'released',
    used: zero,
    usage: undefined,
    isEstimated: false,
    isCached: false,
    overage: zero,
    attempts: attempts.length,
    output: undefined,
    priceSource: undefined,
  });
}

interface Ending extends Pick<EndedStepInfo, 'endedAt' | 'outcome' | 'usage' | 'isEstimated' | 'isCached' | 'attempts' | 'priceSource'> {
  /** The name of the model that answered; undefined where it is that of the call. */
  readonly name: string | undefined;
  readonly used: Amounts;
  readonly overage: Amounts;
  readonly output: unknown;
}

function tell(opened: OpenStep, ending: Ending): void {
  const { core, call } = opened.parts;
  const { events } = core.guard;
  if (!events.has('step:end')) return;
  const info = opened.describe();
  // Written out: it is made for every step, and spreading takes several times as long.
  const step: EndedStepInfo = {
    id: info.id,
    index: info.index,
    round: info.round,
    kind: info.kind,
    name: ending.name ?? info.name,
    startedAt: info.startedAt,
    held: info.held,
    expected: info.expected,
    rungs: info.rungs,
    prompt: info.prompt,
    endedAt: ending.endedAt,
    outcome: ending.outcome,
    used: publicAmounts(ending.used),
    usage: ending.usage,
    isEstimated: ending.isEstimated,
    isCached: ending.isCached,
    overage: publicAmounts(ending.overage),
    attempts: ending.attempts,
    sizes: { args: argsSize(call), output: sizeOf(ending.output) },
    priceSource: ending.priceSource,
  };
  events.emit('step:end', { run: core.info, step });
}

const argsSize = (call: Call): number => (call.kind === 'tool' ? sizeOf(call.args) : 0);

/** What was used by all attempts together; undefined where nobody knows of any. */
function usageOf(booked: readonly Booking[]): Usage | undefined {
  let sum: Usage | undefined;
  for (const { usage } of booked) if (usage) sum = plusUsage(sum ?? noUsage, usage);
  return sum;
}

function bookingsOf({ call, terms, amounts, core }: OpenStepParts, attempts: readonly Attempt[]): Booking[] {
  if (call.kind === 'tool' || !terms)
    return [{ actual: amounts, usage: undefined, isEstimated: false, isCached: false, price: undefined, problem: undefined }];
  return attempts.map((attempt, at) => bookAttempt(attempt, call, terms, at === 0 ? 1 : 0, core.guard.meter));
}

function settleHolds(
  { core, plan }: OpenStepParts,
  attempts: readonly Attempt[],
  booked: readonly Booking[],
): { used: Amounts; overage: Amounts; isDuplicate: boolean } {
  const { ledger, events } = core.guard;
  let used = zero;
  let overage = zero;
  let isDuplicate = false;
  for (let at = 0; at < attempts.length; at += 1) {
    const { holds } = attempts[at]!;
    const actual = booked[at]?.actual;
    const shares =
      actual &&
      (holds.length === 1
        ? [actual]
        : dealOver(
            actual,
            holds.map(({ amounts }) => amounts),
          ));
    for (let place = 0; place < holds.length; place += 1) {
      const hold = holds[place]!;
      const share = shares?.[place];
      const settled = ledger.settle(hold.id, plan, share);
      if (settled.isDuplicate) isDuplicate = true;
      else if (share) {
        used = plus(used, share);
        overage = plus(overage, excess(share, hold.amounts));
      }
      const { alerts } = settled;
      if (isPromise(alerts)) detach(alerts.then((late) => emitAlerts(events, late)));
      else if (alerts.length > 0) emitAlerts(events, alerts);
    }
  }
  return { used, overage, isDuplicate };
}

const HEAD_HASHED = 128;

/** Rungs that take away what a model had read. */
const cuttingRungs: ReadonlySet<string> = new Set(['summarizedHistory', 'trimmedContext']);

/** Counts the times when a history became shorter, by the guard or by the host. */
function noteCompaction({ core, call, offer }: OpenStepParts): void {
  if (call.kind !== 'model' || !call.messages) return;
  const isCutHere = offer.kind === 'call' && offer.rungs.some((rung) => cuttingRungs.has(rung));
  const { length, 0: first } = call.messages;
  const head = first && headOf(first.text);
  // Another beginning is the history of another agent in the same run.
  const isCutByHost = length < core.history.length && head === core.history.head;
  if (isCutHere || isCutByHost) core.tree.epoch += 1;
  core.history = { head, length };
}

/** A mark of a text that is no longer than a word: runs that rest hold on to nobody's prompt. */
const headOf = (text: string): number => hashNumbers(text.length, hashText(text.slice(0, HEAD_HASHED)));

/**
 * What a model said in a conversation. The same words to one question after the other (a batch that is sorted into "yes"
 * and "no") are no repetition: only a model that reads what it said before can go in circles with words alone.
 */
function wordsOf(call: Call, result: StepResult | undefined): string | undefined {
  if (call.kind !== 'model' || !call.messages?.some(({ role }) => role === 'assistant')) return undefined;
  return result?.text ?? (typeof result?.output === 'string' ? result.output : undefined);
}

interface Measured {
  readonly usage: Usage | undefined;
  readonly used: Amounts;
  readonly name: string;
  readonly endedAt: number;
}

function recordOf(
  { core, call, index, round, startedAt, offer }: OpenStepParts,
  { result, error, kind }: Outcome,
  { usage, used, name, endedAt }: Measured,
): StepRecord {
  const isTool = call.kind === 'tool';
  return {
    runId: core.info.id,
    parentRunId: core.info.parentId,
    agent: call.agent ?? core.info.agent,
    index,
    round,
    kind: call.kind,
    name,
    args: isTool ? call.args : undefined,
    output: isTool ? result?.output : wordsOf(call, result),
    isError: kind === 'error' || result?.isError,
    error,
    thinking: result?.thinking,
    toolCalls: result?.toolCalls,
    hints: isTool ? call.hints : undefined,
    stateHash: result?.stateHash,
    answeredByGuard: offer.kind === 'answer',
    approved: call.kind === 'tool' ? call.approved : undefined,
    epoch: core.tree.epoch,
    usage,
    tokens: used.tokens,
    nanoUsd: used.usd,
    startedAt,
    endedAt,
  };
}
