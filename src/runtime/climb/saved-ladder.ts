import type { HaltFacts } from '../halts.ts';
import type { LoopState } from './loop-pressure.ts';
import type { SavedNotes } from './notes.ts';
import type { Reply } from './replies.ts';

/** How a run stands on its ladder, as JSON-safe data. */
export interface SavedLadder {
  readonly ending: HaltFacts | undefined;
  /** The rung that waits for a person. */
  readonly waitsFor: string | undefined;
  /** Rungs whose closing call has failed. */
  readonly failed?: readonly string[] | undefined;
  /** What was in effect at the last step of each kind: it is not told again. */
  readonly inEffect?: { readonly model: readonly string[]; readonly tool: readonly string[] } | undefined;
  readonly answeredTools: number;
  readonly replies: readonly Reply[];
  readonly loop: LoopState | undefined;
  readonly notes: SavedNotes;
}
