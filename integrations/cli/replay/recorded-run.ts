import type { ToolHints, Verdict } from 'holdfast';
import type { StepFigures } from './figures.ts';

/** One recorded step, whatever file it came from. Steps count from 0 in the order of the file. */
export interface RecordedStep {
  readonly kind: 'model' | 'tool';
  /** The tool's name; for a model step the model's, where it is known. */
  readonly name: string;
  /** Number of the model call that asked for it. */
  readonly round: number;
  readonly args?: unknown;
  /** A tool's result; a model's words. */
  readonly output?: unknown;
  /** What came back to a model's words. */
  readonly reply?: string | undefined;
  readonly agent?: string | undefined;
  readonly isError?: boolean | undefined;
  readonly hints?: ToolHints | undefined;
  /** Hashes of the whole where the file holds only a part. */
  readonly argsHash?: string | undefined;
  readonly outputHash?: string | undefined;
  readonly stateHash?: string | undefined;
  /** Tokens of the model call that asked for this step, at its first step; null where the file does not say. */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Characters of the whole: what the model wrote for this step, and what it then got to read. */
  readonly writtenLength: number;
  readonly readLength: number;
  /** Milliseconds since the epoch; null where the file does not say. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** One recorded run. */
export interface RecordedRun {
  readonly id: string;
  /** The model's name as a provider writes it, for prices; null where the file does not say. */
  readonly model: string | null;
  /** Characters that the model read before the first step, where the file has them. */
  readonly promptLength: number;
  readonly steps: readonly RecordedStep[];
  /** From a log without content, which cannot be judged or measured again: what was written down. One figure for each step. */
  readonly asRecorded?: { readonly figures: readonly StepFigures[]; readonly verdicts: readonly RecordedVerdict[] };
}

/** What replay shows of a verdict. */
export type RecordedVerdict = Pick<Verdict, 'step' | 'level' | 'kind' | 'period' | 'laps' | 'firstStep' | 'steps' | 'identity' | 'reason'>;

/** A value as the text that a model would read. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

/** Whether a value is a record of fields. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
export const countOrNull = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
