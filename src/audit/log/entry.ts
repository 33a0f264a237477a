import type { Dimension } from '../../core/amounts.ts';
import type { PublicAmounts } from '../../core/budget.ts';
import type { DenialFacts, HaltCause, InputExcess } from '../../core/halt.ts';
import { toNano } from '../../core/money.ts';
import type { Usage } from '../../core/usage.ts';
import type { Verdict } from '../../core/verdict.ts';
import type { EventName, PromptPrint } from '../../runtime/events.ts';

/**
 * The format of the log. A reader takes lines of its own version and of older ones; fields are only ever added within one.
 */
export const AUDIT_VERSION = 1;

/** Amounts as the log has them: integers, dollars as `nanoUsd`; a dimension that is absent is 0. */
export type AuditAmounts = { readonly [D in Exclude<Dimension, 'usd'> | 'nanoUsd']?: number | undefined };

/** What is on every line. `at` is in milliseconds since the epoch. */
interface Line {
  readonly v: number;
  readonly at: number;
}

/** Whose run it is. Ids are as they were given, or hashed: see `ids` of `auditLog`. */
export interface AuditRun {
  readonly run: string;
  readonly parent?: string | undefined;
  readonly agent?: string | undefined;
  readonly tenant: string;
  /** The ids that were given, by scope. */
  readonly scopes: Readonly<Record<string, string>>;
}

/** A step's place and name. */
interface AuditStep extends AuditRun {
  /** Number of the step in its run tree, from 0. */
  readonly step: number;
  readonly round: number;
  readonly kind: 'model' | 'tool';
  /** The tool's name, or the model's. */
  readonly name: string;
  readonly held: AuditAmounts;
}

export interface RunStartEntry extends Line, AuditRun {
  readonly event: 'run:start';
}

export interface RunEndEntry extends Line, AuditRun {
  readonly event: 'run:end';
  readonly durationMs: number;
  /** With those of the runs inside it. */
  readonly used: AuditAmounts;
  readonly estimatedSteps: number;
  readonly unpricedCalls: number;
  readonly halted: HaltCause | undefined;
}

export interface RunHaltEntry extends Line, AuditRun {
  readonly event: 'run:halt';
  readonly cause: HaltCause;
  readonly step: number;
  readonly reason: string;
  readonly denial?: DenialFacts | undefined;
  readonly input?: InputExcess | undefined;
}

/** A hold that is in place. */
export interface StepStartEntry extends Line, AuditStep {
  readonly event: 'step:start';
  readonly expected: AuditAmounts;
  readonly rungs: readonly string[];
}

/** A settlement. */
export interface StepEndEntry extends Line, AuditStep {
  readonly event: 'step:end';
  readonly outcome: 'ok' | 'error' | 'answered' | 'released';
  readonly durationMs: number;
  readonly used: AuditAmounts;
  readonly overage: AuditAmounts;
  readonly usage?: Usage | undefined;
  readonly attempts: number;
  readonly isEstimated: boolean;
  readonly isCached: boolean;
  readonly sizes: { readonly args: number; readonly output: number };
  readonly priceSource?: string | undefined;
  /** Hashes of what was asked, where the guard gives them: the same question has the same one. */
  readonly prompt?: PromptPrint | undefined;
}

export interface VerdictEntry extends Line, AuditRun, Omit<Verdict, 'evidence'> {
  readonly event: 'loop:verdict';
}

export interface ClimbEntry extends Line, AuditRun {
  readonly event: 'ladder:climb';
  readonly step: number;
  readonly rung: string;
  readonly pressure: 'spend' | 'loop';
  readonly detail: string;
  readonly isShadow: boolean;
}

export interface AlertEntry extends Line {
  readonly event: 'budget:alert';
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
  readonly dimension: Dimension;
  readonly threshold: number;
  /** `usd` in dollars. */
  readonly used: number;
  readonly limit: number;
  readonly resetsAt: number | null;
}

/** The events that are written down: all but what is of use for measuring alone. */
export type AuditedEvent = Exclude<EventName, 'store:answer'>;

/** Something went wrong, or a scope came without an id. An error is told by its name and code, never by its message. */
export interface TroubleEntry extends Line {
  readonly event: 'scope:missing' | 'store:error' | 'store:recovered' | 'hold:expired' | 'usage:invalid' | 'hook:error';
  readonly run?: string | undefined;
  readonly what: string;
  readonly policy?: string | undefined;
  readonly error?: string | undefined;
}

/** So many entries could not be written, because the disk or the stream was too slow or full. */
export interface GapEntry extends Line {
  readonly event: 'log:gap';
  readonly entries: number;
}

/** One line of the audit log. */
export type AuditEntry =
  | RunStartEntry
  | RunEndEntry
  | RunHaltEntry
  | StepStartEntry
  | StepEndEntry
  | VerdictEntry
  | ClimbEntry
  | AlertEntry
  | TroubleEntry
  | GapEntry;

/**
 * Public amounts as the log has them. Exact: a number of dollars that came from nano-dollars gives them back. Written out,
 * and what is 0 as undefined, because it is made several times a step.
 */
export const auditAmounts = (amounts: PublicAmounts): AuditAmounts => ({
  nanoUsd: amounts.usd === 0 ? undefined : toNano(amounts.usd),
  tokens: amounts.tokens || undefined,
  inputTokens: amounts.inputTokens || undefined,
  outputTokens: amounts.outputTokens || undefined,
  reasoningTokens: amounts.reasoningTokens || undefined,
  steps: amounts.steps || undefined,
  modelCalls: amounts.modelCalls || undefined,
  toolCalls: amounts.toolCalls || undefined,
});
