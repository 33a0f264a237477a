import type { AuditEntry } from 'holdfast';
import { runRecord, type RunDetail, type RunRecord, type RunSummary } from './run-view.ts';

/** Spend and tokens of a stretch of time. */
export interface Point {
  readonly at: number;
  usd: number;
  tokens: number;
}

/** What the overview shows, but for the accounts. */
export interface Overview {
  readonly now: number;
  readonly totals: {
    readonly usd: number;
    readonly tokens: number;
    readonly steps: number;
    readonly runs: number;
    readonly halts: number;
    readonly loops: number;
  };
  readonly stepMs: number;
  readonly points: readonly Point[];
  readonly runs: readonly RunSummary[];
  readonly liveRuns: number;
}

/** What is remembered of a guard's work: bounded, however much happens. */
export interface WatchedRuns {
  add(entry: AuditEntry): void;
  overview(): Overview;
  run(id: string): RunDetail | undefined;
  /** Grows with every entry: what has the same number has not changed. */
  readonly version: number;
}

const RUNS_KEPT = 500;
const RUNS_SHOWN = 100;
const POINT_MS = 10_000;
const POINTS_KEPT = 180;

export function watchedRuns(now: () => number = Date.now): WatchedRuns {
  const runs = new Map<string, RunRecord>();
  const live = new Set<string>();
  const points: Point[] = [];
  const totals = { nanoUsd: 0, tokens: 0, steps: 0, runs: 0, halts: 0, loops: 0 };
  let version = 0;

  function recordOf(entry: Extract<AuditEntry, { scopes: unknown }>): RunRecord {
    const known = runs.get(entry.run);
    if (known) return known;
    const record = runRecord(entry);
    runs.set(entry.run, record);
    if (runs.size > RUNS_KEPT) forgetOne();
    return record;
  }

  /** The oldest run that is over, or the oldest of all. */
  function forgetOne(): void {
    let oldest: string | undefined;
    for (const [id, { isOver }] of runs) {
      oldest ??= id;
      if (!isOver) continue;
      oldest = id;
      break;
    }
    if (oldest !== undefined) runs.delete(oldest);
  }

  function addPoint(at: number, usd: number, tokens: number): void {
    const start = Math.floor(at / POINT_MS) * POINT_MS;
    const last = points.at(-1);
    // What is told a little late counts where the others are.
    const point = last && last.at >= start ? last : { at: start, usd: 0, tokens: 0 };
    if (point !== last) points.push(point);
    if (points.length > POINTS_KEPT) points.shift();
    point.usd += usd;
    point.tokens += tokens;
  }

  return {
    add(entry) {
      version += 1;
      if (!('scopes' in entry)) return;
      recordOf(entry).add(entry);
      if (entry.event === 'run:start') {
        totals.runs += 1;
        live.add(entry.run);
      } else if (entry.event === 'run:end') live.delete(entry.run);
      else if (entry.event === 'run:halt') {
        totals.halts += 1;
        if (entry.cause === 'loop') totals.loops += 1;
      } else if (entry.event === 'step:end') {
        totals.nanoUsd += entry.used.nanoUsd ?? 0;
        totals.tokens += entry.used.tokens ?? 0;
        totals.steps += entry.used.steps ?? 0;
        addPoint(entry.at, (entry.used.nanoUsd ?? 0) / 1e9, entry.used.tokens ?? 0);
      }
    },
    overview() {
      const { nanoUsd, ...counts } = totals;
      const newest = [...runs.values()].toReversed();
      const shown = [...newest.filter(({ isOver }) => !isOver), ...newest.filter(({ isOver }) => isOver)].slice(0, RUNS_SHOWN);
      return {
        now: now(),
        totals: { usd: nanoUsd / 1e9, ...counts },
        stepMs: POINT_MS,
        points,
        runs: shown.map((record) => record.summary()),
        liveRuns: live.size,
      };
    },
    run: (id) => runs.get(id)?.detail(),
    get version() {
      return version;
    },
  };
}
