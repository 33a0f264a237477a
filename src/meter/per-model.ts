/** Models whose answers are kept: a guard seldom sees more than a handful. */
const MOST_MODELS = 256;

/**
 * A function of a model's name that works an answer out once and keeps it: names are matched against long lists of patterns, and the same
 * few names are asked for at every step. When too many have been asked for, all are forgotten.
 */
export function perModel<Answer>(workOut: (model: string) => Answer): (model: string) => Answer {
  const kept = new Map<string, Answer>();
  return (model) => {
    const known = kept.get(model);
    if (known !== undefined || kept.has(model)) return known as Answer;
    const answer = workOut(model);
    if (kept.size >= MOST_MODELS) kept.clear();
    kept.set(model, answer);
    return answer;
  };
}
