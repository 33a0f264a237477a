import type { AuditEntry } from '../log/entry.ts';

/** The five ways in which agents cost more than they need to. */
export const costPatterns = ['context-abuse', 'agent-loops', 'verbose-defaults', 'feature-sprawl', 'history-bloat'] as const;
export type CostPattern = (typeof costPatterns)[number];

/** One place where money goes that need not go, as data that can be checked against the log. */
export interface Finding {
  readonly pattern: CostPattern;
  /** Where: a feature, a model, a tool. Names only. */
  readonly where: Readonly<Record<string, string>>;
  /** One sentence for people. */
  readonly what: string;
  /** What it cost, in nano-dollars, over the time of the log; what could be saved is at most this. */
  readonly nanoUsd: number;
  /** The figures behind it. */
  readonly facts: Readonly<Record<string, number>>;
  /** What to do about it. */
  readonly remedy: string;
}

/** Looks for one pattern. Its memory is bounded. */
export interface PatternFinder {
  add(entry: AuditEntry): void;
  findings(): readonly Finding[];
}
