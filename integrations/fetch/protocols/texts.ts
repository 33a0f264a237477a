/** Tokens that the caller has made already stand for as many short words. */
const wordsFor = (tokens: readonly unknown[]): string => ' a'.repeat(tokens.length);

/** The texts in a field that takes one text, or one list of tokens, or a list of either. */
export function textsOf(field: unknown): string[] {
  if (typeof field === 'string') return [field];
  if (!Array.isArray(field)) return [];
  if (typeof field[0] === 'number') return [wordsFor(field)];
  return field.map((each: unknown) => (Array.isArray(each) ? wordsFor(each) : String(each)));
}
