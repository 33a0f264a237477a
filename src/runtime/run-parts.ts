import type { RunBudgets } from './options.ts';
import type { RunCore, RunTree } from './run-core.ts';
import type { RunState } from './run-snapshot.ts';

/** What a run is made from; checked by the guard. */
export interface RunParts {
  readonly id: string | undefined;
  readonly ids: Readonly<Record<string, string>>;
  readonly budgets: RunBudgets<string> | undefined;
  readonly agent: string | undefined;
  readonly parent: RunCore | undefined;
  readonly signal: AbortSignal | undefined;
  readonly tree: RunTree;
  /** How the run stood when it was paused, perhaps in another process. */
  readonly resumed: RunState | undefined;
}
