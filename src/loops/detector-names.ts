/** The built-in detectors. `chant` is the one that reads a text while it streams. */
export const detectorNames = [
  'repeat',
  'cycle',
  'no-news',
  'same-outcome',
  'stale-ground',
  'growth',
  'handoff',
  'same-words',
  'same-reply',
  'chant',
] as const;
export type DetectorName = (typeof detectorNames)[number];
