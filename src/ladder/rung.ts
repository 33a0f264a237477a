import type { Dimension } from '../core/amounts.ts';
import type { BuiltinScope } from '../core/budget.ts';
import type { Halt, InputExcess } from '../core/halt.ts';
import type { CallEdits } from '../core/offer.ts';
import type { RunReport } from '../core/report.ts';
import type { Call, ModelCall } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';
import type { Verdict } from '../core/verdict.ts';
import type { RunDecision } from './run-decision.ts';

/** What a rung makes of a call: edits to it, an answer in its place, or undefined where it does not fit. */
export type RungOffer =
  | {
      readonly kind: 'edits';
      readonly edits: CallEdits;
      /** What is done, in a few words, for events and reports: names and numbers, no content. A change of it is a climb of its own. */
      readonly detail?: string;
    }
  | {
      readonly kind: 'answer';
      readonly output: unknown;
      /** A sentence of the guard's, put below the output where that is a text. */
      readonly note?: string;
      readonly detail?: string;
      /** Of a terminal rung: given only when no rung further down has anything better. */
      readonly isLastResort?: boolean;
    }
  | {
      /** Of a rung that `mayRefuse`: the call is not made, and the run is halted with an error (`input_too_large`). */
      readonly kind: 'refusal';
      /** The message of the error: words that a user can be shown. */
      readonly reason: string;
      readonly input: InputExcess;
      readonly detail?: string;
    }
  | {
      /** Of a terminal rung: what a person has decided. The run goes on, or is halted. */
      readonly kind: 'decision';
      readonly decision: RunDecision;
      readonly detail?: string;
    };

/** How full one account is in one dimension. */
export interface RungStanding {
  readonly scope: string;
  readonly dimension: Dimension;
  /** In public units: dollars, or counts. */
  readonly limit: number;
  readonly used: number;
  readonly held: number;
  /** (settled + held + asked) / limit, asked being what the call needs as it stands. */
  readonly pressure: number;
}

/** What a rung is handed. It imports none of it, and keeps no state but in `memory`. */
export interface RungContext {
  /** The pressures of the accounts that the rung compares, highest first. */
  readonly standings: readonly RungStanding[];
  /** The loop that the run is in, if it is in one. */
  readonly verdict: Verdict | undefined;
  /** Why the run would be halted now: set when nothing is left but to end it. */
  readonly halt: Halt | undefined;
  readonly report: () => RunReport;
  /**
   * This rung's own notes on this run tree; bounded by the rung, JSON-safe where they should outlive the process. What
   * `offer` notes is kept only if the offer is taken.
   */
  readonly memory: Map<string, unknown>;
  /** Tokens of a text for the call's model: the safe side. */
  readonly count: (text: string) => number;
  /** Tokens of a whole call: the safe side. */
  readonly countCall: (call: ModelCall) => number;
  /** What a call would hold at the most, in dollars; undefined for a model without a price. */
  readonly price: (call: ModelCall) => number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a rung may use while it prepares: a metered model call of the same run, in a step of its own. */
export interface PrepareContext extends RungContext {
  /** Aborts when the time is up or the run is stopped. */
  readonly signal: AbortSignal;
  /**
   * Meters `work` as a model step of the run: the summary is paid from the same budget. Rejects when that has no room.
   * `maxOutputTokens` is what is held for its output: the cap to send, at most the call's own.
   */
  step<T>(
    call: ModelCall,
    work: (signal: AbortSignal, maxOutputTokens: number) => Promise<{ output: T; usage?: UsageReport | undefined }>,
  ): Promise<T>;
}

/** When a rung is climbed, and whose pressure it looks at. Every rung of this package takes these. */
export interface RungOptions {
  /** Spend pressure from which on it is climbed, 0 to 1. */
  readonly at?: number | undefined;
  /** The dimensions that it compares, in place of those that it relieves. */
  readonly on?: readonly Dimension[] | undefined;
  /** Whose accounts it compares. Default: run, session, user. */
  readonly scopes?: readonly (BuiltinScope | (string & {}))[] | undefined;
}

/**
 * One intervention. A plain object: users can write their own.
 *
 * @example
 * const politeModel: Rung = {
 *   name: 'politeModel', at: 0.7, on: ['usd'],
 *   offer: (call) => (call.kind === 'model' ? { kind: 'edits', edits: { model: { name: 'gpt-4o-mini' } } } : undefined),
 * };
 */
export interface Rung {
  readonly name: string;
  /**
   * Spend pressure from which on it is climbed, 0 to 1; 0 is always. Without it only loop pressure opens the rung,
   * or, where it is terminal, the end of the budget.
   */
  readonly at?: number | undefined;
  /** The dimensions that it relieves, and therefore compares. Default: all. */
  readonly on?: readonly Dimension[] | undefined;
  /** Whose accounts it compares. Default: run, session, user. */
  readonly scopes?: readonly (BuiltinScope | (string & {}))[] | undefined;
  /** Loop pressure that opens it. */
  readonly loop?: 'warn' | 'halt' | undefined;
  /** It may refuse a call, and is asked for that also where a door can only stop. */
  readonly mayRefuse?: boolean | undefined;
  /** A terminal rung ends the run with an answer; it is climbed when nothing else fits, or by a `halt` of the detectors. */
  readonly isTerminal?: boolean | undefined;
  /** The share of the run's own limits that is kept back for this rung's closing call, 0 to 0.5: at least one step and one model call. */
  readonly reserve?: number | undefined;
  /** Which calls it is for. Default: model calls. */
  readonly kinds?: readonly Call['kind'][] | undefined;
  /**
   * Without I/O: what becomes of the call. It sees the call as the rungs before it left it. A terminal rung may give several
   * offers, the best first: the first that fits the budget is taken.
   */
  offer(call: Call, context: RungContext): RungOffer | readonly RungOffer[] | undefined;
  /** Work that the offer needs first (a summary by a model, a look into a cache, a person): bounded in time, isolated when it fails. */
  prepare?(call: Call, context: PrepareContext): Promise<void>;
  /** The run's `duration` stands still while it prepares: it waits for a person. */
  readonly isPause?: boolean | undefined;
  /** How long `prepare` may take, in milliseconds. Default 30,000. */
  readonly prepareTimeoutMs?: number | undefined;
}
