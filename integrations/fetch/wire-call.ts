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
  /** It failed. The call itself is over when it is given up. */
  failed(error: unknown, usage?: Finished['usage']): Promise<void>;
}

/** Tells a guarded fetch inside this one that the request is metered. */
export const METERED = Symbol('holdfast.fetch');

/** A request within a model call that a door around it has opened: an attempt of that one. */
export async function joinedCall(run: Run, { call }: ReadRequest): Promise<WireCall> {
  let next: Promise<Step> | undefined = Promise.resolve(await run.begin(call, { isRequest: true }));
  return {
    run,
    offer: undefined,
    async request() {
      const step = await (next ?? run.begin(call, { isRequest: true }));
      next = undefined;
      return requestOf(step, ({ result, usage }) => step.end(result, usage));
    },
    giveUp: () => Promise.resolve(),
  };
}

/** A call that is a step of its own. Each request joins the step, so that a further one has a further hold. */
export function ownCall(seat: Seat, step: Step, { call }: ReadRequest): WireCall {
  const { run } = seat;
  return {
    run,
    offer: step.offer.kind === 'call' ? step.offer : undefined,
    async request() {
      const attempt = await step.within(() => run.begin(call, { isRequest: true }));
      return requestOf(attempt, async ({ result, usage, id }) => {
        await attempt.end(result, usage);
        await step.end(result);
        const calls = result.toolCalls ?? [];
        noteAsked(run, calls);
        seat.leave(
          calls.flatMap((each) => (each.id === undefined ? [] : [each.id])),
          id,
        );
      });
    },
    async giveUp(error) {
      if (!step.isOpen) return;
      await step.fail(error);
      seat.leave([]);
    },
  };
}

function requestOf(attempt: Step, ended: (finished: Finished) => Promise<void>): WireRequest {
  return {
    signal: attempt.signal,
    stream: (delta, channel) => attempt.stream(delta, channel),
    within: (fn) => attempt.within(fn, METERED),
    ended,
    failed: (error, usage) => attempt.fail(error, usage),
  };
}

/** Calls whose request failed and whose client may try again. */
export interface WaitingCalls {
  wait(key: string, call: WireCall, error: unknown, ms: number): void;
  take(key: string): WireCall | undefined;
}

const WAITING_MAX = 10_000;
const waitingOf = new WeakMap<AnyGuard, WaitingCalls>();

export function waitingCalls(guard: AnyGuard): WaitingCalls {
  const known = waitingOf.get(guard);
  if (known) return known;
  const waiting = new Map<string, { readonly call: WireCall; readonly giveUp: () => void; readonly timer: NodeJS.Timeout }[]>();
  let count = 0;
  const remove = (key: string): { readonly call: WireCall; readonly giveUp: () => void } | undefined => {
    const calls = waiting.get(key);
    const first = calls?.shift();
    if (calls?.length === 0) waiting.delete(key);
    if (!first) return undefined;
    count -= 1;
    clearTimeout(first.timer);
    return first;
  };
  const made: WaitingCalls = {
    wait(key, call, error, ms) {
      const giveUp = (): void => detached(call.giveUp(error));
      const timer = setTimeout(() => remove(key)?.giveUp(), ms).unref();
      const calls = waiting.get(key) ?? [];
      waiting.set(key, calls);
      calls.push({ call, giveUp, timer });
      count += 1;
      if (count > WAITING_MAX) for (const oldest of waiting.keys()) return remove(oldest)?.giveUp();
    },
    take: (key) => remove(key)?.call,
  };
  waitingOf.set(guard, made);
  return made;
}
