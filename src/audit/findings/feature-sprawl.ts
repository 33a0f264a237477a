import type { AuditEntry, StepEndEntry } from '../log/entry.ts';
import type { Finding } from './finding.ts';
import { boundedMap, groups } from './groups.ts';
import { percentText } from './words.ts';

const QUESTIONS = 50_000;
/** A question of fewer characters ("yes", "go on") is asked again for good reason. */
const QUESTION_MIN = 24;
const ASKED_MIN = 3;
const FEATURES_MIN = 3;
const FAR_ABOVE = 3;
const LISTED = 20;

interface Asked {
  readonly feature: string;
  readonly model: string;
  readonly size: number;
  times: number;
  readonly firstRun: string;
  firstNanoUsd: number;
  nanoUsd: number;
}

/** Features that cost far more per run than the others, spend that no feature owns, and the same questions paid for again and again. */
export function featureSprawl() {
  const features = groups<[feature: string], { runs: number; nanoUsd: number }>(() => ({ runs: 0, nanoUsd: 0 }));
  const questions = boundedMap<Asked>(QUESTIONS);
  const repeated = new Map<string, Asked>();
  /** Which runs have asked what: the steps of several come in turns. */
  const askedBy = boundedMap<true>(QUESTIONS);

  function ask(step: StepEndEntry): void {
    const { prompt, used, run, name, scopes } = step;
    if (!prompt || prompt.questionSize < QUESTION_MIN) return;
    const feature = scopes['feature'] ?? '';
    const key = `${feature}\0${name}\0${prompt.question}\0${prompt.instructions}`;
    const asked = questions.get(key) ?? {
      feature,
      model: name,
      size: prompt.questionSize,
      times: 0,
      firstRun: run,
      firstNanoUsd: 0,
      nanoUsd: 0,
    };
    // All the steps of a run that work on one question are one asking.
    const asking = `${run}\0${key}`;
    if (!askedBy.get(asking)) asked.times += 1;
    askedBy.set(asking, true);
    asked.nanoUsd += used.nanoUsd ?? 0;
    if (asked.firstRun === run) asked.firstNanoUsd += used.nanoUsd ?? 0;
    questions.set(key, asked);
    if (asked.times >= ASKED_MIN && (repeated.has(key) || repeated.size < QUESTIONS)) repeated.set(key, asked);
  }

  return {
    add(entry: AuditEntry): void {
      if (entry.event === 'run:start' && entry.parent === undefined) features.of(entry.scopes['feature'] ?? '').runs += 1;
      if (entry.event !== 'step:end' || entry.outcome === 'released') return;
      features.of(entry.scopes['feature'] ?? '').nanoUsd += entry.used.nanoUsd ?? 0;
      if (entry.kind === 'model') ask(entry);
    },
    findings: (): Finding[] => [
      ...sameQuestions([...repeated.values()]),
      ...dearFeatures(features.entries()),
      ...ownerless(features.entries()),
    ],
  };
}

const sameQuestions = (repeated: readonly Asked[]): Finding[] =>
  repeated
    .toSorted((a, b) => b.nanoUsd - b.firstNanoUsd - (a.nanoUsd - a.firstNanoUsd))
    .slice(0, LISTED)
    .map(({ feature, model, times, size, nanoUsd, firstNanoUsd }) => ({
      pattern: 'feature-sprawl',
      where: { feature, model },
      what: `one question of ${size} characters was asked ${times} times in the same words`,
      nanoUsd: nanoUsd - firstNanoUsd,
      facts: { times, characters: size },
      remedy: 'answer it from a cache, or once a day for everybody',
    }));

type FeatureSums = readonly (readonly [readonly [string], { readonly runs: number; readonly nanoUsd: number }])[];

function dearFeatures(features: FeatureSums): Finding[] {
  const perRun = features.flatMap(([[feature], { runs, nanoUsd }]) =>
    feature === '' || runs === 0 ? [] : [{ feature, runs, each: nanoUsd / runs }],
  );
  if (perRun.length < FEATURES_MIN) return [];
  const median = perRun.map(({ each }) => each).sort((a, b) => a - b)[Math.floor((perRun.length - 1) / 2)] ?? 0;
  return perRun
    .filter(({ each }) => median > 0 && each >= median * FAR_ABOVE)
    .map(({ feature, runs, each }) => ({
      pattern: 'feature-sprawl',
      where: { feature },
      what: `a run of this feature costs ${(each / median).toFixed(1)} times what one of the middle feature costs`,
      nanoUsd: Math.round(runs * (each - median)),
      facts: { runs, usdPerRun: each / 1e9, medianUsdPerRun: median / 1e9 },
      remedy: 'give it a budget of its own (budgets: { feature: { per } }), and ask whether it earns what it costs',
    }));
}

function ownerless(features: FeatureSums): Finding[] {
  const all = features.reduce((sum, [, { nanoUsd }]) => sum + nanoUsd, 0);
  const none = features.find(([[feature]]) => feature === '')?.[1];
  if (!none || none.nanoUsd === 0 || features.length < 2) return [];
  return [
    {
      pattern: 'feature-sprawl',
      where: { feature: '' },
      what: `${percentText(none.nanoUsd / all)} of the spend names no feature, so nobody can be asked about it`,
      nanoUsd: none.nanoUsd,
      facts: { runs: none.runs, share: none.nanoUsd / all },
      remedy: 'name the feature of every run, and let the guard insist: requireScopes: ["feature"]',
    },
  ];
}
