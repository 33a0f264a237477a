import { createMeter } from '../../meter/create-meter.ts';
import type { MeterOptions } from '../../meter/options.ts';
import type { AuditEntry } from '../log/entry.ts';
import { agentLoops } from './agent-loops.ts';
import { carriedTokens } from './carried-tokens.ts';
import { contextAbuse } from './context-abuse.ts';
import { featureSprawl } from './feature-sprawl.ts';
import type { Finding, PatternFinder } from './finding.ts';
import { historyBloat } from './history-bloat.ts';
import { partCost } from './part-cost.ts';
import { verboseDefaults } from './verbose-defaults.ts';

export interface CostFindingsOptions {
  /** Prices over the built-in ones, as in `createGuard`: they cost the parts of a call. */
  readonly prices?: MeterOptions['prices'];
}

/**
 * Looks through a log for the five cost patterns: context abuse, agent loops, verbose defaults, feature sprawl, history
 * bloat. Each finding names its place, its cost and a remedy; costs of different patterns may overlap, so do not add them.
 *
 * @example
 * const patterns = costFindings();
 * for await (const entry of readAuditLog('audit.jsonl')) patterns.add(entry);
 * for (const { what, nanoUsd } of patterns.findings()) console.log(nanoUsd / 1e9, what);
 */
export function costFindings({ prices }: CostFindingsOptions = {}): PatternFinder {
  const meter = createMeter(prices === undefined ? {} : { prices });
  const costOf = partCost((model) => meter.price(model));
  const history = carriedTokens();
  const loops = agentLoops();
  const sprawl = featureSprawl();
  const ofCalls = [contextAbuse(costOf), verboseDefaults(costOf), historyBloat(costOf)];
  return {
    add(entry: AuditEntry) {
      loops.add(entry);
      sprawl.add(entry);
      history.forget(entry);
      if (entry.event !== 'step:end' || entry.kind !== 'model' || entry.outcome === 'released') return;
      const split = history.split(entry);
      for (const finder of ofCalls) finder.add(entry, split);
    },
    findings: (): readonly Finding[] =>
      [...loops.findings(), ...sprawl.findings(), ...ofCalls.flatMap((finder) => finder.findings())].sort((a, b) => b.nanoUsd - a.nanoUsd),
  };
}
