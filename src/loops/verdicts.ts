import type { Verdict, VerdictEvidence } from '../core/verdict.ts';
import { reasonOf, type Chant } from './chant.ts';
import { shortHash } from './hash.ts';
import type { Suspicion } from './suspicion.ts';
import type { NamedSighting } from './user-detectors.ts';

/** What explains most: a cycle says more than the repeats that it is made of, a repeat more than a storm of failures. */
const explanation = (suspicions: readonly Suspicion[]): Suspicion | undefined =>
  suspicions.find(({ kind, laps }) => kind === 'cycle' && laps >= 3) ??
  suspicions.find(({ kind, laps }) => kind === 'repeat' && laps >= 3) ??
  suspicions[0];

/** What a verdict needs beside what was seen. */
export interface VerdictContext {
  readonly step: number;
  readonly level: Verdict['level'];
  /** The score that halts. */
  readonly haltAt: number;
  readonly wasteOf: (steps: readonly number[], lap: number) => Verdict['waste'];
  readonly evidenceOf: (steps: readonly number[]) => readonly VerdictEvidence[];
}

/** The verdict on what the built-in detectors saw, strongest first. Told by the one that explains it best. */
export function verdictOf(
  suspicions: readonly Suspicion[],
  { step, level, haltAt, wasteOf, evidenceOf }: VerdictContext,
): Verdict | undefined {
  const told = explanation(suspicions);
  if (told === undefined) return undefined;
  const { kind, period, laps, firstStep, steps, reason, clearedBy } = told;
  const evidence = evidenceOf(steps);
  return {
    level,
    kind,
    detectors: suspicions.map((suspicion) => suspicion.kind),
    step,
    firstStep,
    period,
    laps,
    steps: [...steps],
    identity: shortHash(told.identity),
    reason: reason(),
    waste: wasteOf(steps, period ?? 1),
    confidence: Math.min(1, (suspicions[0]?.score ?? 0) / haltAt),
    clearedBy,
    evidence: () => evidence,
  };
}

/** The verdict on what a detector of the user's saw. */
export function verdictOfSighting(sighting: NamedSighting, step: number, evidence: readonly VerdictEvidence[]): Verdict {
  const firstStep = sighting.firstStep ?? step;
  return {
    level: sighting.level,
    kind: sighting.name,
    detectors: [sighting.name],
    step,
    firstStep,
    period: null,
    laps: sighting.laps ?? 1,
    steps: firstStep === step ? [step] : [firstStep, step],
    identity: sighting.name,
    reason: sighting.reason,
    waste: { steps: 0, tokens: null, nanoUsd: null },
    confidence: 1,
    clearedBy: sighting.clearedBy ?? `a step at which ${sighting.name} says nothing`,
    evidence: () => evidence,
  };
}

const CHARACTERS_PER_TOKEN = 4;

/** The verdict on a text that goes round while it streams: cut it. `step` is the one that is not over yet. */
export const verdictOfChant = (chant: Chant, channel: 'text' | 'thinking', step: number): Verdict => ({
  level: 'halt',
  kind: chant.kind,
  detectors: ['chant'],
  step,
  firstStep: step,
  period: null,
  laps: chant.laps,
  steps: [step],
  identity: shortHash(chant.identity),
  reason: reasonOf(chant, channel),
  waste: { steps: 0, tokens: Math.ceil((chant.size * (chant.laps - 1)) / CHARACTERS_PER_TOKEN), nanoUsd: null },
  confidence: 1,
  clearedBy: 'text that says something else',
  evidence: () => [],
});
