import type { ReplayedRun } from './replay-run.ts';

/** One line of `holdfast replay --json`. Names, counts and hashes; no content. */
export function jsonLine({ run, haltedAt, cause, verdicts, tokens, usd, isEstimated }: ReplayedRun): string {
  return JSON.stringify({
    id: run.id,
    steps: run.steps.length,
    haltedAt,
    cause,
    verdicts: verdicts.map(({ step, level, kind, period, laps, firstStep, reason }) => ({
      step,
      level,
      kind,
      period,
      laps,
      firstStep,
      reason,
    })),
    tokens,
    usd,
    estimated: isEstimated,
  });
}
