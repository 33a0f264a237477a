import { hashNumbers, shortHash } from './hash.ts';
import { addStep, type LoopDetector } from './suspicion.ts';

export interface SameReplyState {
  /** Hash of the newest reply; 0 for none. */
  readonly reply: number;
  readonly weight: number;
  readonly steps: number[];
}

/** A host's own rebuke is longer than a person's `yes, go on`. */
const SIZE_LEAST = 30;
const WEIGHT = 0.6;

/** Whatever a model says without a tool, the same comes back: a host that misses a call, and says so each time. */
export function sameReplyDetector(restored?: SameReplyState): LoopDetector {
  let reply = restored?.reply ?? 0;
  let weight = restored?.weight ?? 0;
  let steps = restored?.steps ?? [];
  return {
    name: 'same-reply',
    observe({ step, result, isError }, { answer }) {
      if (step.kind === 'tool') {
        if (!isError) weight = Math.max(0, weight - 1);
        return undefined;
      }
      const replied = step.reply !== undefined && step.reply.length >= SIZE_LEAST ? result : 0;
      if (replied === 0 || replied !== reply) {
        reply = replied;
        weight = 0;
        steps = [];
      }
      if (replied === 0) return undefined;
      // The same words again are a repeat, and judged as one.
      if (steps.length === 0) weight = 1;
      else if (answer === 'first') weight += WEIGHT;
      addStep(steps, step.index);
      return {
        kind: 'same-reply',
        identity: hashNumbers(9, reply),
        score: weight,
        period: null,
        laps: steps.length,
        firstStep: steps[0] ?? step.index,
        steps,
        reason: () => `${steps.length} messages without a tool call were all answered in one way (reply ${shortHash(reply)})`,
        clearedBy: 'another reply, or a tool that is used',
      };
    },
    save: (): SameReplyState => ({ reply, weight, steps: [...steps] }),
  };
}
