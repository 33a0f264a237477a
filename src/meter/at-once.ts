/**
 * The answer of a function of the user's that must answer at once. A promise is refused with the remedy, and what becomes of it is nobody's
 * concern: it must not end as an unhandled rejection.
 */
export function atOnce<Answer>(answer: Answer, remedy: string): Answer {
  if (!(answer instanceof Promise)) return answer;
  answer.catch(() => {});
  throw new TypeError(remedy);
}
