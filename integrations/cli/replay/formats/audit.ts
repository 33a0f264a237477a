import type { StepFigures } from '../figures.ts';
import { countOrNull, isRecord, textOrNull, type RecordedRun, type RecordedStep, type RecordedVerdict } from '../recorded-run.ts';

type Fields = Readonly<Record<string, unknown>>;

const VERSION = 1;
/** Steps and verdicts that are held of runs that have not ended. */
const ENTRIES_MAX = 1_000_000;

/** Whether a value is a line of an audit log: `{ v, at, event, … }`. */
export const isAuditEntry = (value: unknown): value is Fields =>
  isRecord(value) && typeof value['v'] === 'number' && typeof value['at'] === 'number' && typeof value['event'] === 'string';

interface OpenRun {
  readonly steps: { readonly index: number; readonly step: RecordedStep; readonly figures: StepFigures }[];
  readonly verdicts: RecordedVerdict[];
  model: string | null;
}

/**
 * Puts the entries of a log together, one run for each tree of runs. A log holds no content, so that nothing can be judged
 * again: a run's verdicts and its figures are those that were written down.
 */
export function auditRuns() {
  const open = new Map<string, OpenRun>();
  /** The tree that a run inside another belongs to. */
  const roots = new Map<string, string>();
  let held = 0;

  const rootOf = (run: string, parent: string | null): string => {
    const root = parent === null ? run : (roots.get(parent) ?? parent);
    if (parent !== null) roots.set(run, root);
    return root;
  };
  const close = (root: string): RecordedRun[] => {
    const run = open.get(root);
    open.delete(root);
    for (const [child, its] of roots) if (its === root) roots.delete(child);
    if (run === undefined) return [];
    held -= run.steps.length + run.verdicts.length;
    return run.steps.length === 0 ? [] : [recordedRun(root, run)];
  };

  return {
    /** Takes an entry: the run that ends with it, or what is wrong with it. */
    add(entry: Fields): readonly RecordedRun[] | string {
      const version = Number(entry['v']);
      if (version > VERSION) return `is of version ${version} of the audit log; this holdfast reads up to ${VERSION}`;
      const [run, event] = [textOrNull(entry['run']), entry['event']];
      if (run === null) return [];
      const root = rootOf(run, textOrNull(entry['parent']));
      if (event === 'run:end') return root === run ? close(root) : [];
      const isStep = event === 'step:end' && entry['outcome'] !== 'released';
      if (!isStep && event !== 'loop:verdict') return [];
      if (held >= ENTRIES_MAX) return 'is of a run that is left out: too many runs are open';
      const tree: OpenRun = open.get(root) ?? { steps: [], verdicts: [], model: null };
      open.set(root, tree);
      held++;
      if (!isStep) tree.verdicts.push(verdictOf(entry));
      else {
        tree.steps.push({ index: countOrNull(entry['step']) ?? tree.steps.length, step: stepOf(entry), figures: figuresOf(entry) });
        if (entry['kind'] === 'model') tree.model ??= textOrNull(entry['name']);
      }
      return [];
    },
    /** The runs that did not end within the log. */
    rest: (): readonly RecordedRun[] => [...open.keys()].flatMap(close),
  };
}

/** Steps in their order; a verdict names them by their places in it. */
function recordedRun(id: string, { steps, verdicts, model }: OpenRun): RecordedRun {
  const ordered = steps.toSorted((a, b) => a.index - b.index);
  const places = new Map(ordered.map(({ index }, place) => [index, place]));
  return {
    id,
    model,
    promptLength: 0,
    steps: ordered.map(({ step }) => step),
    asRecorded: {
      figures: ordered.map(({ figures }) => figures),
      verdicts: verdicts.flatMap((verdict) => {
        const step = places.get(verdict.step);
        if (step === undefined) return [];
        const members = verdict.steps.flatMap((member) => places.get(member) ?? []);
        return [{ ...verdict, step, firstStep: places.get(verdict.firstStep) ?? step, steps: members }];
      }),
    },
  };
}

const sizeIn = (entry: Fields, field: string): number => (isRecord(entry['sizes']) ? (countOrNull(entry['sizes'][field]) ?? 0) : 0);

function stepOf(entry: Fields): RecordedStep {
  const endedAt = Number(entry['at']);
  const usage = isRecord(entry['usage']) ? entry['usage'] : {};
  return {
    kind: entry['kind'] === 'tool' ? 'tool' : 'model',
    name: textOrNull(entry['name']) ?? 'step',
    round: countOrNull(entry['round']) ?? 0,
    agent: textOrNull(entry['agent']) ?? undefined,
    isError: entry['outcome'] === 'error' ? true : undefined,
    inputTokens: countOrNull(usage['inputTokens']),
    outputTokens: countOrNull(usage['outputTokens']),
    writtenLength: sizeIn(entry, 'args'),
    readLength: sizeIn(entry, 'output'),
    startedAt: endedAt - (countOrNull(entry['durationMs']) ?? 0),
    endedAt,
  };
}

/** An amount that is absent from the log is 0; what a model without a price cost is unknown. */
function figuresOf(entry: Fields): StepFigures {
  const used = isRecord(entry['used']) ? entry['used'] : {};
  const amount = (dimension: string): number => countOrNull(used[dimension]) ?? 0;
  const isUnpriced =
    entry['kind'] === 'model' && entry['outcome'] !== 'answered' && entry['isCached'] !== true && entry['priceSource'] === undefined;
  return {
    tokens: amount('tokens'),
    nanoUsd: isUnpriced && amount('nanoUsd') === 0 ? null : amount('nanoUsd'),
    meteredSteps: amount('steps'),
    modelCalls: amount('modelCalls'),
    toolCalls: amount('toolCalls'),
    isEstimated: entry['isEstimated'] === true,
  };
}

function verdictOf(entry: Fields): RecordedVerdict {
  const step = countOrNull(entry['step']) ?? 0;
  return {
    step,
    level: entry['level'] === 'halt' ? 'halt' : 'warn',
    kind: textOrNull(entry['kind']) ?? 'loop',
    period: countOrNull(entry['period']),
    laps: countOrNull(entry['laps']) ?? 1,
    firstStep: countOrNull(entry['firstStep']) ?? step,
    steps: Array.isArray(entry['steps']) ? entry['steps'].filter((member) => typeof member === 'number') : [],
    identity: textOrNull(entry['identity']) ?? '',
    reason: textOrNull(entry['reason']) ?? '',
  };
}
