import { invalidDimension, onlyThese, plus, zero, type Amounts } from '../core/amounts.ts';
import { toNano } from '../core/money.ts';
import type { ModelCall, StepResult } from '../core/step.ts';
import type { Usage, UsageReport } from '../core/usage.ts';
import type { Meter, ModelPrice, OutputCounter } from '../meter/meter.ts';
import { usageAmounts, type ModelTerms } from './asks.ts';
import type { FailureBill } from './failure.ts';
import type { StreamChannel } from './step.ts';
import { noUsage, plainUsage } from './totals.ts';

/** One hold in the ledger. */
export interface Hold {
  readonly id: string;
  readonly amounts: Amounts;
}

/** One try at a model call. A step has one, and more when the host tries again inside it. */
export interface Attempt {
  /** What tells it from other attempts of the same step, where doors know it: the host's ids of the call. */
  readonly keys: string[];
  /** How many joined doors see it and have not ended yet. */
  doors: number;
  /** Whether a door inside has ever joined it. */
  isJoined: boolean;
  /** Whether a door that sees requests has seen one of it. */
  isRequested: boolean;
  /** The attempt that a client inside of it made next: what is found out from then on is told of that one. */
  next: Attempt | undefined;
  /** The door that counts what streams: the first that does. Another one sees the same again. */
  counter: object | undefined;
  readonly holds: Hold[];
  /** Output tokens that the holds allow. */
  units: number;
  streamed: number;
  /** Of what has streamed, by channel. */
  counters: Map<StreamChannel, { readonly counter: OutputCounter; tokens: number }> | undefined;
  /** A further hold that the store has been asked for, so that each piece of a stream does not ask for one of its own. */
  growing: Promise<void> | undefined;
  outcome:
    | { readonly kind: 'ok'; readonly result: StepResult | undefined }
    | { readonly kind: 'failed'; readonly bill: FailureBill }
    | undefined;
  usage: UsageReport | undefined;
}

export const openAttempt = (hold: Hold, units: number, key?: string): Attempt => ({
  keys: key === undefined ? [] : [key],
  doors: 0,
  isJoined: false,
  isRequested: false,
  next: undefined,
  counter: undefined,
  holds: [hold],
  units,
  streamed: 0,
  counters: undefined,
  growing: undefined,
  outcome: undefined,
  usage: undefined,
});

/** The last of the attempts that a client has made inside of this one. */
export function newestIn(attempt: Attempt): Attempt {
  let newest = attempt;
  while (newest.next) newest = newest.next;
  return newest;
}

/** Counts a piece of output; returns the output tokens of the attempt so far. */
export function countOutput(attempt: Attempt, delta: string, channel: StreamChannel, model: string, meter: Meter): number {
  const counters = (attempt.counters ??= new Map());
  let channelCount = counters.get(channel);
  if (!channelCount) counters.set(channel, (channelCount = { counter: meter.outputCounter(model), tokens: 0 }));
  const tokens = channelCount.counter.push(delta);
  attempt.streamed += tokens - channelCount.tokens;
  channelCount.tokens = tokens;
  return attempt.streamed;
}

/** What streamed in all, exactly. */
function streamedTokens({ counters }: Attempt): number {
  let tokens = 0;
  if (counters) for (const { counter } of counters.values()) tokens += counter.total();
  return tokens;
}

/** All that an attempt holds. */
export function heldBy({ holds }: Attempt): Amounts {
  let sum = holds[0]?.amounts ?? zero;
  for (let at = 1; at < holds.length; at += 1) sum = plus(sum, holds[at]!.amounts);
  return sum;
}

/** All that the attempts of a step hold. */
export function heldByAll(attempts: readonly Attempt[]): Amounts {
  let sum = attempts[0] ? heldBy(attempts[0]) : zero;
  for (let at = 1; at < attempts.length; at += 1) sum = plus(sum, heldBy(attempts[at]!));
  return sum;
}

/** What an attempt is booked with. `actual` undefined gives its holds back. */
export interface Booking {
  readonly actual: Amounts | undefined;
  readonly usage: Usage | undefined;
  readonly isEstimated: boolean;
  readonly isCached: boolean;
  /** The price that was used; undefined for a model without one. */
  readonly price: ModelPrice | undefined;
  /** A usage that contradicts itself: the hold is booked instead. */
  readonly problem: string | undefined;
}

/** What an attempt really cost, in the terms that it was made under. `steps` is 1 for the attempt that carries the step. */
export function bookAttempt(attempt: Attempt, call: ModelCall, terms: ModelTerms, steps: 0 | 1, meter: Meter): Booking {
  const { outcome, usage: report } = attempt;
  const result = outcome?.kind === 'ok' ? outcome.result : undefined;
  const price = answeringPrice(call, result, terms.price, meter);
  const booked = (actual: Amounts | undefined, usage: Usage | undefined, isEstimated: boolean, problem?: string): Booking => ({
    actual,
    usage,
    isEstimated,
    isCached: result?.cached === true,
    price,
    problem,
  });
  if (result?.cached) return booked(onlyThese({ steps }), noUsage, false);
  const held = heldBy(attempt);
  const heldUsage = usageOf(held);
  if (outcome?.kind === 'failed' && !report) {
    if (outcome.bill === 'unsent') return booked(steps ? onlyThese({ steps }) : undefined, undefined, false);
    if (outcome.bill === 'refused') return booked(onlyThese({ steps, modelCalls: 1 }), noUsage, false);
    const usage = plainUsage(terms.input.likely, streamedTokens(attempt));
    return booked(usageAmounts(usage, price?.cost(usage) ?? 0, steps), usage, true);
  }
  if (!report) return booked({ ...held, steps }, heldUsage, true);
  try {
    const { usage, estimated } = meter.settleUsage(report, heldUsage);
    const nanoUsd = report.usd === undefined ? (price?.cost(usage) ?? 0) : toNano(report.usd);
    const actual = usageAmounts(usage, nanoUsd, steps);
    const absurd = invalidDimension(actual);
    if (absurd) throw new RangeError(`the reported usage comes to more ${absurd} than can be counted`);
    return booked(actual, usage, estimated);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return booked({ ...held, steps }, heldUsage, true, problem);
  }
}

const usageOf = ({ inputTokens, outputTokens, reasoningTokens }: Amounts): Usage =>
  plainUsage(inputTokens, outputTokens, Math.min(reasoningTokens, outputTokens));

/** The price of the model that answered, where the response names another than was asked for. */
function answeringPrice(
  call: ModelCall,
  result: StepResult | undefined,
  price: ModelPrice | undefined,
  meter: Meter,
): ModelPrice | undefined {
  const name = answeringModel(call, result);
  return name === call.model ? price : (meter.price(name, { provider: call.provider, serviceTier: call.serviceTier }) ?? price);
}

/** The model that answered. A dated name of the model that was asked for is that model; `gpt-4o` is not `gpt-4`. */
export function answeringModel({ model }: ModelCall, result: StepResult | undefined): string {
  const name = result?.model;
  if (name === undefined || name === '' || name === model) return model;
  return name.startsWith(model) && DATED.test(name.slice(model.length)) ? model : name;
}

/** What providers put behind a name: a day, a month, a version, `latest`; Bedrock a version of its own behind that. */
const DATED = /^[-@](?:\d{3,8}|\d{4}-\d\d-\d\d|\d\d-\d{4}|\d\d-\d\d|latest)(?:-v\d+(?::\d+)?)?$|^-v\d+(?::\d+)?$/;
