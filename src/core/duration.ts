type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd';

/** A length of time as people write it: `'500ms'`, `'30s'`, `'2m'`, `'1.5h'`, `'7d'`. */
export type Duration = `${number}${DurationUnit}`;

const msPerUnit: Record<DurationUnit, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Whether a text is a positive duration. */
export const isDuration = (text: string): text is Duration => pattern.test(text) && durationMs(text as Duration) > 0;

/** Milliseconds of a duration; NaN for a text that is none. */
export function durationMs(duration: Duration): number {
  const match = pattern.exec(duration);
  if (!match) return Number.NaN;
  return Math.round(Number(match[1]) * msPerUnit[match[2] as DurationUnit]);
}
