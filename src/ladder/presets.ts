import { heldBackCall } from './held-back-call.ts';
import { lighterReasoning } from './lighter-reasoning.ts';
import { notice } from './notice.ts';
import type { Rung } from './rung.ts';
import { shorterReplies } from './shorter-replies.ts';
import { summarizedHistory } from './summarized-history.ts';
import { trimmedContext } from './trimmed-context.ts';
import { wrapUp } from './wrap-up.ts';

/** The ladders that have a name. None of them changes the model: only the user knows which one is good enough. */
export const ladderPresets = ['gentle', 'standard', 'strict', 'shadow'] as const;
/** The name of a ladder; see `presetRungs`. */
export type LadderPreset = (typeof ladderPresets)[number];

/**
 * The rungs of a preset, new ones each time.
 *
 * - `gentle` tells the model, and ends with an answer.
 * - `standard` also saves where little is lost: lighter reasoning, old context trimmed and summarised, repeated reads not run again.
 * - `strict` does the same sooner, and shortens replies.
 * - `shadow` has the rungs of `standard` and climbs none of them: what would have happened is reported.
 */
export function presetRungs(preset: LadderPreset): readonly Rung[] {
  switch (preset) {
    case 'gentle':
      return [notice({ at: 0.9 }), wrapUp({ reserve: 0.05 })];
    case 'standard':
    case 'shadow':
      return [
        notice({ at: 0.8 }),
        heldBackCall(),
        lighterReasoning({ at: 0.8 }),
        trimmedContext({ at: 0.85 }),
        summarizedHistory({ at: 0.9 }),
        wrapUp(),
      ];
    case 'strict':
      return [
        notice({ at: 0.6 }),
        heldBackCall({ most: 1 }),
        lighterReasoning({ at: 0.6 }),
        shorterReplies({ at: 0.7 }),
        trimmedContext({ at: 0.6 }),
        summarizedHistory({ at: 0.75 }),
        wrapUp({ reserve: 0.1 }),
      ];
  }
}
