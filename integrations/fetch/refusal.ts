import { GuardError, HaltError, type Halt } from 'holdfast';
import { fieldsOf, type Json } from './json.ts';
import type { AnyGuard } from './options.ts';
import { jsonAnswer, OWN_ANSWER, type OwnAnswer } from './own-answer.ts';
import type { Protocol } from './protocols/protocol.ts';

/** How many halts are remembered for `haltErrorOf`, by guard. */
const HALTS_MAX = 1_000;

const haltsOf = new WeakMap<AnyGuard, Map<string, HaltError>>();

function remember(guard: AnyGuard, error: HaltError): void {
  const halts = haltsOf.get(guard) ?? new Map<string, HaltError>();
  haltsOf.set(guard, halts);
  halts.delete(error.halt.runId);
  halts.set(error.halt.runId, error);
  for (const oldest of halts.keys()) {
    if (halts.size <= HALTS_MAX) break;
    halts.delete(oldest);
  }
}

/**
 * The error of the halt behind an error that a client threw for an answer of `guardFetch`: the very instance that
 * `guard.lastHalt()` would give. Undefined for any other error.
 *
 * @example
 * try {
 *   await client.chat.completions.create(body);
 * } catch (error) {
 *   const halt = haltErrorOf(guard, error);
 *   if (halt) return `The budget is used up: ${halt.message}`;
 *   throw error;
 * }
 */
export function haltErrorOf(guard: AnyGuard, error: unknown): HaltError | undefined {
  for (let depth = 0, at = error; depth < 10 && typeof at === 'object' && at !== null; depth += 1, at = (at as { cause?: unknown }).cause) {
    const body = fieldsOf((at as { error?: unknown }).error);
    const facts = fieldsOf(body['holdfast'] ?? fieldsOf(body['error'])['holdfast']);
    const known = haltsOf.get(guard)?.get(String(facts['runId']));
    if (known) return known;
  }
  return undefined;
}

/** The status with which a halt is told: 402 where waiting does not help, 429 where it does. */
function statusOf({ cause, denial }: Halt): number {
  if (cause === 'input') return 413;
  if (cause === 'store') return 503;
  return denial && denial.resetsAt !== null ? 429 : 402;
}

/** Names, counts and amounts; never content. */
const factsOf = ({ cause, runId, step, denial, input, verdict }: Halt): Json => ({
  cause,
  runId,
  step,
  ...denial,
  ...(input ? { input: { tokens: input.tokens, maxTokens: input.maxTokens } } : {}),
  ...(verdict ? { loop: { kind: verdict.kind, period: verdict.period, laps: verdict.laps, firstStep: verdict.firstStep } } : {}),
});

/**
 * What the guard refuses, as the provider would refuse it, so that clients throw their own typed error at once and do not
 * try again. Anything that is no error of the guard's is thrown.
 */
export function refusalFor(guard: AnyGuard, protocol: Protocol, error: unknown): OwnAnswer {
  if (!GuardError.is(error)) throw error;
  if (!HaltError.is(error)) return refused(protocol, 409, error.code, error.message);
  remember(guard, error);
  const { resetsAt } = error.halt.denial ?? {};
  const waitMs = typeof resetsAt === 'number' ? Math.max(0, resetsAt - error.halt.at) : undefined;
  const headers = waitMs === undefined ? {} : { 'retry-after': String(Math.ceil(waitMs / 1_000)) };
  return refused(protocol, statusOf(error.halt), error.code, error.message, factsOf(error.halt), headers);
}

/** An error in the provider's shape, which clients do not try again. */
export function refused(
  protocol: Pick<Protocol, 'error'>,
  status: number,
  code: string,
  message: string,
  facts: Json = {},
  headers: Readonly<Record<string, string>> = {},
): OwnAnswer {
  return jsonAnswer(status, protocol.error(status, code, message, facts), { 'x-should-retry': 'false', [OWN_ANSWER]: code, ...headers });
}
