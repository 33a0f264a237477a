const subjects = [
  'The old prince',
  'A young officer',
  'The countess',
  'Her brother',
  'The general',
  'An innkeeper',
  'The coachman',
  'Nobody in the house',
];
const verbs = [
  'looked out at',
  'had forgotten',
  'spoke at length about',
  'could not understand',
  'wrote a letter about',
  'rode slowly past',
  'laughed at',
];
const objects = [
  'the frozen river',
  'the ball of the night before',
  'the campaign',
  'a debt of honour',
  'the comet',
  'the smell of snow',
  'his own reflection',
];
const ends = [
  'and said nothing',
  'as if for the last time',
  'while the candles burned down',
  'in spite of everything',
  'until the horses were brought',
];

/** A made-up novel of about so many characters; the same one each time. */
export function novel(characters: number): string {
  const sentences: string[] = [];
  let state = 1812;
  const pick = (from: readonly string[]): string => {
    // The linear congruential generator of Numerical Recipes: small, and the same on every machine.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from[state % from.length] ?? '';
  };
  for (let length = 0; length < characters;) {
    const sentence = `${pick(subjects)} ${pick(verbs)} ${pick(objects)} ${pick(ends)}.`;
    sentences.push(sentence);
    length += sentence.length + 1;
  }
  return sentences.join(' ');
}
