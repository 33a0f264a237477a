import { carriedFrom, type AuditEntry, type SentBefore, type StepEndEntry } from 'holdfast';

/** A step as the page shows it. */
export interface StepView {
  readonly step: number;
  readonly round: number;
  readonly kind: 'model' | 'tool';
  readonly name: string;
  readonly at: number;
  readonly durationMs: number | null;
  readonly outcome: StepEndEntry['outcome'] | 'open';
  readonly usd: number;
  readonly heldUsd: number;
  readonly inputTokens: number;
  /** Input that the turn before had sent or said already. */
  readonly carriedTokens: number;
  readonly outputTokens: number;
  readonly isEstimated: boolean;
  readonly rungs: readonly string[];
}

/** A loop as the page draws it. */
export interface LoopView {
  readonly identity: string;
  readonly level: 'warn' | 'halt';
  readonly kind: string;
  readonly step: number;
  readonly firstStep: number;
  readonly period: number | null;
  readonly laps: number;
  readonly steps: readonly number[];
  readonly reason: string;
  readonly wasteUsd: number | null;
  readonly wasteSteps: number;
}

export interface ClimbView {
  readonly step: number;
  readonly rung: string;
  readonly pressure: string;
  readonly detail: string;
  readonly isShadow: boolean;
}

/** A run in the list. */
export interface RunSummary {
  readonly run: string;
  readonly parent: string | null;
  readonly agent: string | null;
  readonly tenant: string;
  readonly scopes: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly steps: number;
  readonly usd: number;
  readonly tokens: number;
  readonly halted: string | null;
  /** Laps of the longest loop; 0 where none was seen. */
  readonly laps: number;
}

/** How much of what a run's model calls sent had been sent before, with that of steps that are no longer shown. */
export interface HistoryView {
  readonly turns: number;
  /** 0 to 1. */
  readonly share: number;
  readonly freshTokensPerTurn: number;
}

/** A run with its timeline. */
export interface RunDetail extends RunSummary {
  readonly haltReason: string | null;
  readonly timeline: readonly StepView[];
  /** Steps that are too long ago to be shown. */
  readonly hidden: number;
  readonly history: HistoryView;
  readonly loops: readonly LoopView[];
  readonly climbs: readonly ClimbView[];
}

/** A run that is being watched. */
export interface RunRecord {
  readonly isOver: boolean;
  add(entry: AuditEntry): void;
  summary(): RunSummary;
  detail(): RunDetail;
}

const STEPS_SHOWN = 300;
const LISTED = 32;

/** Collects what happens in one run; the newest 300 steps are kept. */
export function runRecord(start: Extract<AuditEntry, { scopes: unknown }>): RunRecord {
  const timeline = new Map<number, StepView>();
  const loops = new Map<string, LoopView>();
  const climbs: ClimbView[] = [];
  let [steps, nanoUsd, tokens, hidden] = [0, 0, 0, 0];
  const history = runHistory();
  let endedAt: number | null = null;
  let halted: string | null = null;
  let haltReason: string | null = null;

  function put(view: StepView): void {
    timeline.set(view.step, view);
    const oldest = timeline.size > STEPS_SHOWN ? timeline.keys().next().value : undefined;
    if (oldest === undefined) return;
    timeline.delete(oldest);
    hidden += 1;
  }

  const summary = (): RunSummary => ({
    run: start.run,
    parent: start.parent ?? null,
    agent: start.agent ?? null,
    tenant: start.tenant,
    scopes: start.scopes,
    startedAt: start.at,
    endedAt,
    steps,
    usd: nanoUsd / 1e9,
    tokens,
    halted,
    laps: Math.max(0, ...[...loops.values()].map((loop) => loop.laps)),
  });

  return {
    get isOver() {
      return endedAt !== null;
    },
    add(entry) {
      if (entry.event === 'run:start') {
        // It was taken up again.
        [endedAt, halted, haltReason] = [null, null, null];
      } else if (entry.event === 'step:start') put(openStep(entry));
      else if (entry.event === 'step:end') {
        steps += entry.used.steps ?? 0;
        nanoUsd += entry.used.nanoUsd ?? 0;
        tokens += entry.used.tokens ?? 0;
        put(endedStep(entry, timeline.get(entry.step)?.rungs ?? [], history.add(entry)));
      } else if (entry.event === 'loop:verdict' && (loops.has(entry.identity) || loops.size < LISTED)) {
        const { identity, level, kind, step, firstStep, period, laps, reason, waste } = entry;
        const wasteUsd = waste.nanoUsd === null ? null : waste.nanoUsd / 1e9;
        loops.set(identity, {
          identity,
          level,
          kind,
          step,
          firstStep,
          period,
          laps,
          steps: entry.steps,
          reason,
          wasteUsd,
          wasteSteps: waste.steps,
        });
      } else if (entry.event === 'ladder:climb') {
        const { step, rung, pressure, detail, isShadow } = entry;
        climbs.push({ step, rung, pressure, detail, isShadow });
        if (climbs.length > LISTED) climbs.shift();
      } else if (entry.event === 'run:halt') {
        halted = entry.cause;
        haltReason = entry.reason;
      } else if (entry.event === 'run:end') {
        endedAt = entry.at;
        halted ??= entry.halted ?? null;
      }
    },
    summary,
    detail: () => ({
      ...summary(),
      haltReason,
      timeline: [...timeline.values()],
      hidden,
      history: history.view(),
      loops: [...loops.values()],
      climbs: [...climbs],
    }),
  };
}

/** Adds up what the turns of a run send again. */
function runHistory(): { add(entry: StepEndEntry): number; view(): HistoryView } {
  let before: SentBefore | undefined;
  let [turns, later, input, carried, fresh] = [0, 0, 0, 0, 0];
  return {
    add({ kind, usage, isEstimated }) {
      if (kind !== 'model' || !usage || isEstimated) return 0;
      const { inputTokens, outputTokens } = usage;
      const again = carriedFrom(before, inputTokens);
      if (again !== undefined) {
        later += 1;
        fresh += inputTokens - again;
      }
      turns += 1;
      input += inputTokens;
      carried += again ?? 0;
      before = { inputTokens, outputTokens };
      return again ?? 0;
    },
    view: () => ({ turns, share: input === 0 ? 0 : carried / input, freshTokensPerTurn: later === 0 ? 0 : Math.round(fresh / later) }),
  };
}

const openStep = ({ step, round, kind, name, at, held, rungs }: Extract<AuditEntry, { event: 'step:start' }>): StepView => ({
  step,
  round,
  kind,
  name,
  at,
  durationMs: null,
  outcome: 'open',
  usd: 0,
  heldUsd: (held.nanoUsd ?? 0) / 1e9,
  inputTokens: 0,
  carriedTokens: 0,
  outputTokens: 0,
  isEstimated: false,
  rungs,
});

const endedStep = (entry: StepEndEntry, rungs: readonly string[], carriedTokens: number): StepView => ({
  step: entry.step,
  round: entry.round,
  kind: entry.kind,
  name: entry.name,
  at: entry.at - entry.durationMs,
  durationMs: entry.durationMs,
  outcome: entry.outcome,
  usd: (entry.used.nanoUsd ?? 0) / 1e9,
  heldUsd: (entry.held.nanoUsd ?? 0) / 1e9,
  inputTokens: entry.used.inputTokens ?? 0,
  carriedTokens,
  outputTokens: entry.used.outputTokens ?? 0,
  isEstimated: entry.isEstimated,
  rungs,
});
