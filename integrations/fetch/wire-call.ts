import type { Offer, Run, Step } from 'holdfast';
import { detached } from './detached.ts';
import type { AnyGuard } from './options.ts';
import type { Finished, ReadRequest } from './protocols/protocol.ts';
import type { Seat } from './seats.ts';
import { noteAsked } from './tool-rounds.ts';

/** A call of a model, however often a client tries it. */
export interface WireCall {
  readonly run: Run;
  /** How the guard allows it to be made; undefined where a door around it has seen to that. */
  readonly offer: Extract<Offer, { kind: 'call' }> | undefined;
  /** One request of it, with a hold of its own. Rejects with the halt's error where there is no room for it. */
  request(): Promise<WireRequest>;
  /** It did not come to anything, and no further request will be made. */
  giveUp(error: unknown): Promise<void>;
}

/** One try. */
export interface WireRequest {
  readonly signal: AbortSignal;
  /** Counts a piece of the answer. Throws the halt's error where the answer must end here. */
  stream: Step['stream'];
  within<T>(fn: () => T): T;
  /** The answer is there: the call is over. */
  ended(finished: Finished): Promise<void>;
  /** It failed, and the call with it. */
  failed(error: unknown, usage?: Finished['usage']): Promise<void>;
  /** It failed, and its client may try again: the call stays open until it is given up. */
  failedForNow(error: unknown): Promise<void>;
}

/** Tells a guarded fetch inside this one that the request is metered. */
export const METERED = Symbol('holdfast.fetch');

/** A request within a model call that a door around it has opened: an attempt of that one. */
export async function joinedCall(run: Run, { call }: ReadRequest): Promise<WireCall> {
  let next: Step | undefined = await run.begin(call, { isRequest: true });
  return {
    run,
    offer: undefined,
    async request() {
      const attempt = next ?? (await run.begin(call, { isRequest: true }));
      next = undefined;
      const failed: WireRequest['failed'] = (error, usage) => attempt.fail(error, usage);
      return { ...passing(attempt), ended: ({ result, usage }) => attempt.end(result, usage), failed, failedForNow: failed };
    },
    giveUp: () => Promise.resolve(),
  };
}

/**
 * A call that is a step of its own. Its first request is the step itself; each further one joins the step, so that it has a
 * further hold.
 */
export function ownCall(seat: Seat, step: Step, { call }: ReadRequest): WireCall {
  const { run } = seat;
  let isFirst = true;

  const joined = (): Promise<Step> => step.within(() => run.begin(call, { isRequest: true }));

  function over({ result: { toolCalls = [] }, id }: Finished): void {
    noteAsked(run, toolCalls);
    seat.leave(
      toolCalls.flatMap((each) => (each.id === undefined ? [] : [each.id])),
      id,
    );
  }

  async function giveUp(error: unknown, usage?: Finished['usage']): Promise<void> {
    if (!step.isOpen) return;
    await step.fail(error, usage);
    seat.leave([]);
  }

  const first = (): WireRequest => ({
    ...passing(step),
    async ended(finished) {
      await step.end(finished.result, finished.usage);
      over(finished);
    },
    failed: giveUp,
    async failedForNow(error) {
      // The one that comes next is told from it by its having been joined.
      if (step.isOpen) await (await joined()).fail(error);
    },
  });

  const further = (attempt: Step): WireRequest => ({
    ...passing(attempt),
    async ended(finished) {
      await attempt.end(finished.result, finished.usage);
      await step.end(finished.result);
      over(finished);
    },
    async failed(error, usage) {
      await attempt.fail(error, usage);
      await giveUp(error);
    },
    failedForNow: (error) => attempt.fail(error),
  });

  return {
    run,
    offer: step.offer.kind === 'call' ? step.offer : undefined,
    async request() {
      if (!isFirst) return further(await joined());
      isFirst = false;
      return first();
    },
    giveUp,
  };
}

const passing = (attempt: Step): Pick<WireRequest, 'signal' | 'stream' | 'within'> => ({
  signal: attempt.signal,
  stream: (delta, channel) => attempt.stream(delta, channel),
  within: (fn) => attempt.within(fn, METERED),
});

/** Calls whose request failed and whose client may try again. */
export interface WaitingCalls {
  wait(key: string, call: WireCall, error: unknown, ms: number): void;
  take(key: string): WireCall | undefined;
}

interface Waiting {
  readonly call: WireCall;
  readonly timer: NodeJS.Timeout;
  giveUp(): void;
}

const WAITING_MAX = 10_000;
const waitingOf = new WeakMap<AnyGuard, WaitingCalls>();

export function waitingCalls(guard: AnyGuard): WaitingCalls {
  const known = waitingOf.get(guard);
  if (known) return known;
  const waiting = new Map<string, Set<Waiting>>();
  let count = 0;
  const first = (key: string): Waiting | undefined => waiting.get(key)?.values().next().value;
  const remove = (key: string, one: Waiting): void => {
    const calls = waiting.get(key);
    if (!calls?.delete(one)) return;
    if (calls.size === 0) waiting.delete(key);
    count -= 1;
    clearTimeout(one.timer);
  };
  const made: WaitingCalls = {
    wait(key, call, error, ms) {
      const one: Waiting = {
        call,
        giveUp() {
          remove(key, one);
          detached(call.giveUp(error));
        },
        timer: setTimeout(() => one.giveUp(), ms).unref(),
      };
      waiting.set(key, (waiting.get(key) ?? new Set()).add(one));
      count += 1;
      if (count > WAITING_MAX) for (const oldest of waiting.keys()) return first(oldest)?.giveUp();
    },
    take(key) {
      const one = first(key);
      if (one) remove(key, one);
      return one?.call;
    },
  };
  waitingOf.set(guard, made);
  return made;
}
