import { cycleDetector } from './cycle.ts';
import type { DetectorName } from './detector-names.ts';
import { growthDetector } from './growth.ts';
import { handoffDetector } from './handoff.ts';
import { noNewsDetector } from './no-news.ts';
import { repeatDetector } from './repeat.ts';
import { sameOutcomeDetector } from './same-outcome.ts';
import { sameReplyDetector } from './same-reply.ts';
import { sameWordsDetector } from './same-words.ts';
import { staleGroundDetector } from './stale-ground.ts';
import type { LoopDetector } from './suspicion.ts';

/** Each takes what its `save` gave, or nothing. */
const makers: Readonly<Record<Exclude<DetectorName, 'chant'>, (restored?: never) => LoopDetector>> = {
  repeat: repeatDetector,
  cycle: cycleDetector,
  'no-news': noNewsDetector,
  'same-outcome': sameOutcomeDetector,
  'stale-ground': staleGroundDetector,
  growth: growthDetector,
  handoff: handoffDetector,
  'same-words': sameWordsDetector,
  'same-reply': sameReplyDetector,
};

/** The built-in detectors of one judge, without those that are named. */
export function builtInDetectors(without: ReadonlySet<string>, states: Readonly<Record<string, unknown>> = {}): readonly LoopDetector[] {
  return Object.entries(makers)
    .filter(([name]) => !without.has(name))
    .map(([name, make]) => make(states[name] as never));
}
