import type { AuditEntry, VerdictEntry } from '../log/entry.ts';
import type { Finding, PatternFinder } from './finding.ts';
import { boundedMap, groups } from './groups.ts';

const RUNS = 20_000;
const LOOPS_A_RUN = 64;

interface Sum {
  loops: number;
  halted: number;
  steps: number;
  tokens: number;
  nanoUsd: number;
  longestLaps: number;
}

/** Runs that went in circles: what the laps after the first cost, once per loop, however often it was told of. */
export function agentLoops(): PatternFinder {
  const open = boundedMap<Map<string, VerdictEntry>>(RUNS);
  const found = groups<[feature: string, kind: string], Sum>(() => ({
    loops: 0,
    halted: 0,
    steps: 0,
    tokens: 0,
    nanoUsd: 0,
    longestLaps: 0,
  }));

  // A later verdict on the same loop has the larger waste: only the difference is added.
  function add(entry: VerdictEntry): void {
    const loops = open.get(entry.run) ?? new Map<string, VerdictEntry>();
    const before = loops.get(entry.identity);
    if (!before && loops.size >= LOOPS_A_RUN) return;
    loops.set(entry.identity, entry);
    open.set(entry.run, loops);
    const sum = found.of(entry.scopes['feature'] ?? '', entry.kind);
    if (!before) sum.loops += 1;
    if (entry.level === 'halt' && before?.level !== 'halt') sum.halted += 1;
    sum.steps += Math.max(0, entry.waste.steps - (before?.waste.steps ?? 0));
    sum.tokens += Math.max(0, (entry.waste.tokens ?? 0) - (before?.waste.tokens ?? 0));
    sum.nanoUsd += Math.max(0, (entry.waste.nanoUsd ?? 0) - (before?.waste.nanoUsd ?? 0));
    sum.longestLaps = Math.max(sum.longestLaps, entry.laps);
  }

  return {
    add(entry: AuditEntry) {
      if (entry.event === 'loop:verdict') add(entry);
      if (entry.event === 'run:end') open.delete(entry.run);
    },
    findings: () =>
      found.entries().map(([[feature, kind], { loops, halted, steps, tokens, nanoUsd, longestLaps }]): Finding => ({
        pattern: 'agent-loops',
        where: { feature, kind },
        what: `${loops} ${loops === 1 ? 'loop' : 'loops'} of kind ${kind} took ${steps} steps for nothing; the longest went round ${longestLaps} times`,
        nanoUsd,
        facts: { loops, halted, steps, tokens, longestLaps },
        remedy: 'let the tool say what would help instead of the same refusal; `loops: "strict"` stops such runs earlier',
      })),
  };
}
