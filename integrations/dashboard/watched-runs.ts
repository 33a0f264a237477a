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
  /** When the newest stretch of time began: what has not changed is the same until the next one does. */
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
}

const RUNS_KEPT = 500;
const RUNS_SHOWN = 100;
/** Runs whose process died never tell of their end. */
const LIVE_MOST = 20_000;
const POINT_MS = 10_000;
const POINTS_KEPT = 180;

export function watchedRuns(now: () => number = Date.now): WatchedRuns {
  const runs = new Map<string, RunRecord>();
  const live = new Set<string>();
  const points: Point[] = [];
  const totals = { nanoUsd: 0, tokens: 0, steps: 0, runs: 0, halts: 0, loops: 0 };

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

  /** Mostly the newest; a second log that is read may tell of what was long before. */
  function addPoint(at: number, usd: number, tokens: number): void {
    const start = startOf(at);
    const place = points.findLastIndex((point) => point.at <= start);
    let point = points[place];
    if (point?.at !== start) {
      point = { at: start, usd: 0, tokens: 0 };
      points.splice(place + 1, 0, point);
    }
    if (points.length > POINTS_KEPT) points.shift();
    point.usd += usd;
    point.tokens += tokens;
  }

  return {
    add(entry) {
      if (!('scopes' in entry)) return;
      recordOf(entry).add(entry);
      if (entry.event === 'run:start') {
        totals.runs += 1;
        live.add(entry.run);
        const oldest = live.size > LIVE_MOST ? live.values().next().value : undefined;
        if (oldest !== undefined) live.delete(oldest);
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
        now: startOf(now()),
        totals: { usd: nanoUsd / 1e9, ...counts },
        stepMs: POINT_MS,
        points,
        runs: shown.map((record) => record.summary()),
        liveRuns: live.size,
      };
    },
    run: (id) => runs.get(id)?.detail(),
  };
}

const startOf = (at: number): number => Math.floor(at / POINT_MS) * POINT_MS;
