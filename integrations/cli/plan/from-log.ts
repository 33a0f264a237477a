import type { AuditEntry } from 'holdfast';
import type { CallTokens } from './calls.ts';
import type { Interaction } from './plan.ts';
import { spreadOf, type Spread } from './spread.ts';

const RUNS = 100_000;
const CALLS = 20_000;

/** What an audit log says of interactions (runs that are not inside another) and of users' days. */
export interface LoggedUse {
  add(entry: AuditEntry): void;
  /** Undefined where the log holds no interaction. */
  interaction(): Interaction | undefined;
  perUserDay(): Spread;
  /** Calls of some interactions, and how many interactions they are of: what a change would save is worked out on them. */
  readonly sample: { readonly calls: readonly CallTokens[]; readonly interactions: number };
  /** The model that most calls went to. */
  readonly mainModel: string;
}

interface OpenRun {
  readonly root: string;
  lastInput: number;
  lastOutput: number;
}

interface OpenInteraction {
  readonly user: string;
  readonly day: string;
  readonly calls: CallTokens[];
  nanoUsd: number;
  modelCalls: number;
  inputTokens: number;
  outputTokens: number;
}

export function loggedUse(feature: string | undefined): LoggedUse {
  const runs = new Map<string, OpenRun>();
  const open = new Map<string, OpenInteraction>();
  const userDays = new Map<string, number>();
  const models = new Map<string, number>();
  const costs = spreadOf();
  const sums = { modelCalls: 0, inputTokens: 0, outputTokens: 0 };
  const calls: CallTokens[] = [];
  let sampled = 0;

  function finish(run: string): void {
    const done = open.get(run);
    open.delete(run);
    if (!done || done.modelCalls === 0) return;
    costs.add(done.nanoUsd / 1e9);
    sums.modelCalls += done.modelCalls;
    sums.inputTokens += done.inputTokens;
    sums.outputTokens += done.outputTokens;
    const userDay = `${done.user}\0${done.day}`;
    if (userDays.has(userDay) || userDays.size < RUNS) userDays.set(userDay, (userDays.get(userDay) ?? 0) + 1);
    if (calls.length + done.calls.length > CALLS) return;
    calls.push(...done.calls);
    sampled += 1;
  }

  function addCall(entry: Extract<AuditEntry, { event: 'step:end' }>, run: OpenRun, interaction: OpenInteraction): void {
    const { inputTokens = 0, outputTokens = 0 } = entry.used;
    const goesOn = inputTokens >= run.lastInput * 0.9;
    const carriedTokens = goesOn ? Math.min(inputTokens, run.lastInput + run.lastOutput) : 0;
    run.lastInput = inputTokens;
    run.lastOutput = outputTokens;
    interaction.modelCalls += 1;
    interaction.inputTokens += inputTokens;
    interaction.outputTokens += outputTokens;
    models.set(entry.name, (models.get(entry.name) ?? 0) + 1);
    interaction.calls.push({
      model: entry.name,
      inputTokens,
      cachedInputTokens: entry.usage?.cachedInputTokens ?? 0,
      outputTokens,
      carriedTokens,
    });
  }

  return {
    add(entry) {
      if (entry.event === 'run:start') {
        const parent = entry.parent === undefined ? undefined : runs.get(entry.parent);
        if (runs.size >= RUNS || (!parent && feature !== undefined && entry.scopes['feature'] !== feature)) return;
        const root = parent?.root ?? entry.run;
        runs.set(entry.run, { root, lastInput: 0, lastOutput: 0 });
        if (parent) return;
        const user = `${entry.tenant}/${entry.scopes['user'] ?? ''}`;
        const day = new Date(entry.at).toISOString().slice(0, 10);
        open.set(root, { user, day, calls: [], nanoUsd: 0, modelCalls: 0, inputTokens: 0, outputTokens: 0 });
      } else if (entry.event === 'step:end' && entry.outcome !== 'released') {
        const run = runs.get(entry.run);
        const interaction = run && open.get(run.root);
        if (!interaction) return;
        interaction.nanoUsd += entry.used.nanoUsd ?? 0;
        if (entry.kind === 'model') addCall(entry, run, interaction);
      } else if (entry.event === 'run:end') {
        if (runs.get(entry.run)?.root === entry.run) finish(entry.run);
        runs.delete(entry.run);
      }
    },
    interaction() {
      const { count } = costs;
      if (count === 0) return undefined;
      return {
        usd: costs.spread(),
        modelCalls: sums.modelCalls / count,
        inputTokens: sums.inputTokens / count,
        outputTokens: sums.outputTokens / count,
      };
    },
    perUserDay() {
      const spread = spreadOf();
      for (const count of userDays.values()) spread.add(count);
      return spread.spread();
    },
    get sample() {
      return { calls, interactions: sampled };
    },
    get mainModel() {
      return [...models].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
    },
  };
}
