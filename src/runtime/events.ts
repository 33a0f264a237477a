import { EventEmitter } from 'eventemitter3';
import type { Dimension } from '../core/amounts.ts';
import type { PublicAmounts } from '../core/budget.ts';
import type { Halt } from '../core/halt.ts';
import type { RunReport } from '../core/report.ts';
import type { Usage } from '../core/usage.ts';
import type { Verdict } from '../core/verdict.ts';
import { createBatch } from './batch.ts';
import { detach } from './time-limit.ts';

/** Who a run is and for whom it works. */
export interface RunInfo {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly agent: string | undefined;
  readonly tenant: string;
  /** The ids that were given, by scope. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Hashes and sizes (in characters) of a model call's newest question and of its standing instructions; never their text. */
export interface PromptPrint {
  readonly question: string;
  readonly questionSize: number;
  /** `''` where the call has none. */
  readonly instructions: string;
  readonly instructionsSize: number;
}

/** A step as events tell of it: names, numbers and times, never content. */
export interface StepInfo {
  readonly id: string;
  /** Number of the step in its run tree, from 0. */
  readonly index: number;
  /** Number of the model call that asked for it. */
  readonly round: number;
  readonly kind: 'model' | 'tool';
  /** The tool's name, or the name of the model that is used. */
  readonly name: string;
  readonly startedAt: number;
  /** What is held for it. */
  readonly held: PublicAmounts;
  /** What was expected of it, before it ran: likely input, likely output, likely cost. */
  readonly expected: { readonly inputTokens: number; readonly outputTokens: number; readonly usd: number };
  /** The rungs that shaped the offer. */
  readonly rungs: readonly string[];
  /** For model calls whose text is known: the same question, or the same instructions, have the same hash. */
  readonly prompt?: PromptPrint | undefined;
}

export interface EndedStepInfo extends StepInfo {
  readonly endedAt: number;
  /** `released`: nothing was sent, and nothing is booked. */
  readonly outcome: 'ok' | 'error' | 'answered' | 'released';
  readonly used: PublicAmounts;
  /** For model steps. */
  readonly usage: Usage | undefined;
  /** True when the host reported no usage and the guard booked what it held or counted. */
  readonly isEstimated: boolean;
  /** True when a cache of the host answered. */
  readonly isCached: boolean;
  readonly overage: PublicAmounts;
  /** How often the call was tried inside the step. */
  readonly attempts: number;
  readonly sizes: { readonly args: number; readonly output: number };
  /** Where the price came from; undefined for tools and unpriced models. */
  readonly priceSource: string | undefined;
}

/** A threshold of an account that was crossed for the first time in its window. `usd` in dollars. */
export interface BudgetAlert {
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
  readonly dimension: Dimension;
  /** 0..1 */
  readonly threshold: number;
  readonly used: number;
  readonly limit: number;
  readonly resetsAt: number | null;
}

/** Everything that can be listened to. Events are the only source of metrics, traces, logs and pages. */
export interface GuardEvents {
  /** A run has begun. */
  'run:start': { run: RunInfo };
  /** A run is over; the report is final. */
  'run:end': { run: RunInfo; report: RunReport };
  /** A run was stopped. Comes once per run, before its end. */
  'run:halt': { run: RunInfo; halt: Halt };
  /** A step is about to be done; its hold is in place. */
  'step:start': { run: RunInfo; step: StepInfo };
  /** A step is over and settled. */
  'step:end': { run: RunInfo; step: EndedStepInfo };
  /** An account has used a share of its limit; once per threshold, account and window. */
  'budget:alert': BudgetAlert;
  /** A detector has seen a loop. */
  'loop:verdict': { run: RunInfo; verdict: Verdict };
  /** The ladder was climbed (or, with `isShadow`, would have been). */
  'ladder:climb': { run: RunInfo; step: number; rung: string; pressure: 'spend' | 'loop'; detail: string; isShadow: boolean };
  /** A budgeted scope came without an id and the shared account is used; once per scope. */
  'scope:missing': { scope: string; account: string };
  /**
   * The store failed; `policy` says what was done. `operation` is what was asked of it, or `journal`: settlements that no
   * store will get (a `SettlementsLostError` with their number).
   */
  'store:error': { operation: string; policy: 'closed' | 'open' | 'local'; error: unknown };
  /** The store is back: what was used while it was away is booked. */
  'store:recovered': { settlements: number };
  /** A store that is not in this process was asked, and has answered or failed; for metrics. Not in the audit log. */
  'store:answer': { operation: string; durationMs: number; isError: boolean };
  /** A step was settled after its hold had expired: what it used is booked all the same, and may pass a limit. */
  'hold:expired': { reservation: string };
  /** A host reported a usage that contradicts itself; the hold was booked instead. */
  'usage:invalid': { run: RunInfo; step: number; problem: string };
  /** Code of the user's (listener, fallback, lookup, rung, detector) threw or did not answer in time. The run goes on. */
  'hook:error': { hook: string; error: unknown };
}

export type EventName = keyof GuardEvents;
export type Listener<E extends EventName> = (event: GuardEvents[E]) => void | Promise<void>;
/** `at`: when it happened, in milliseconds since the epoch. */
export type LaterListener<E extends EventName> = (event: GuardEvents[E], at: number) => void | Promise<void>;

/** The events, handed over a little later and many at a time. */
export interface LaterEvents {
  /** Listens; the returned function stops it, once it has heard what happened until then. Order is kept. */
  on<E extends EventName>(event: E, listener: LaterListener<E>): () => void;
  /** Hands over what waits, now. */
  flush(): void;
}

export interface Events {
  /** Listens; the returned function stops it. A listener that throws or rejects never harms a run. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void;
  readonly later: LaterEvents;
  emit<E extends EventName>(event: E, payload: GuardEvents[E]): void;
  /** Whether anybody listens: lets a hot path skip building a payload. */
  has(event: EventName): boolean;
}

/** A listener that cannot throw. */
type Isolated = (payload: never, at: number) => void;

export function createEvents(now: () => number): Events {
  const emitter = new EventEmitter();
  // Lists are replaced, never changed: an event that waits is heard by those who listened when it happened.
  const later = new Map<EventName, readonly Isolated[]>();
  const waiting = createBatch(({ listeners, payload, at }: { listeners: readonly Isolated[]; payload: unknown; at: number }) => {
    for (const listener of listeners) listener(payload as never, at);
  });

  const isolated =
    <E extends EventName>(event: E, listener: LaterListener<E>) =>
    (payload: GuardEvents[E], at: number): void => {
      try {
        const outcome: unknown = listener(payload, at);
        detach(outcome, (error) => report(event, error));
      } catch (error) {
        report(event, error);
      }
    };

  const report = (event: EventName, error: unknown): void => {
    // A failing listener of hook:error has nobody left to tell.
    if (event !== 'hook:error') emit('hook:error', { hook: `listener of ${event}`, error });
  };

  function emit<E extends EventName>(event: E, payload: GuardEvents[E]): void {
    emitter.emit(event, payload);
    const listeners = later.get(event);
    if (listeners) waiting.add({ listeners, payload, at: now() });
  }

  return {
    on(event, listener) {
      const safe = isolated(event, listener);
      emitter.on(event, safe);
      return () => void emitter.off(event, safe);
    },
    later: {
      on(event, listener) {
        let isOn = true;
        const safe = isolated(event, (payload, at) => (isOn ? listener(payload, at) : undefined));
        later.set(event, [...(later.get(event) ?? []), safe]);
        return () => {
          waiting.flush();
          isOn = false;
          const others = (later.get(event) ?? []).filter((each) => each !== safe);
          if (others.length > 0) later.set(event, others);
          else later.delete(event);
        };
      },
      flush: waiting.flush,
    },
    emit,
    has: (event) => emitter.listenerCount(event) > 0 || later.has(event),
  };
}
