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
  /** The run is over: nothing more begins in it. */
  readonly onEnd: (core: RunCore) => void;
  /** Somebody may go on from here in another process, or later in this one. */
  readonly onSnapshot: (core: RunCore) => void;
  /** The run and all runs inside it are over: nobody draws on its account any more. */
  readonly onGone: (core: RunCore) => void;
}

/** A run with what the guard does behind the user's back. */
export interface StartedRun {
  readonly core: RunCore;
  /** Somebody more works in the run, or holds it open by hand. */
  join(): void;
  /** Somebody has done. When all have, the run ends as soon as no step is open in it or in the runs inside it. */
  leave(): Promise<void>;
}
