/** Numbers from 0 to 1 that are the same in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Alphabets whose neighbourhood is where pre-tokenisers go wrong: cases, marks, contractions, white space, broken surrogates. */
const alphabets: readonly (readonly string[])[] = [
  Array.from('abcdefghijklmnopqrstuvwxyz'),
  Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
  Array.from('0123456789٣४'),
  Array.from(' \t\n\r  \n'),
  Array.from("'stmdrevlSTMDREVL’"),
  Array.from('.,;:!?/()[]{}<>"-_=+*&^%$#@~`|\\'),
  ['\u00a0', '\u2003', '\u3000', '\ufeff', '\u0085', '\u2028'],
  Array.from('éüßñçøåÀÉÜǅǈſ'),
  Array.from('漢字仮名交じり文日本語中文的是了'),
  Array.from('абвгдежзАБВГЖ'),
  Array.from('عربيةनमस्तेไทย한국어'),
  ['\u0301', '\u0300', '\u20dd', '\u093f', '\u0bcd'],
  ['😀', '👩‍👩‍👧', '🇩🇪', '❤️', '\u200d', '𝒜', '𝟘', '𐐀', '𐐨'],
  ['\ud83d', '\ude00', '\ud800', '\udfff'],
  ['ʰ', 'ˀ', 'ª', 'º', 'ᴬ'],
  ['<|endoftext|>', '<|endofprompt|>', '\0'],
  ['//', '\n/', '\r\n', '/*'],
  [' the', ' of', ' and', 'ing', 'tion', ' function', 'return'],
];

const pick = <Item>(list: readonly Item[], random: () => number): Item => list[Math.floor(random() * list.length)] as Item;

/** A text of at most `longest` parts that mixes a few of the alphabets. */
export function randomText(random: () => number, longest = 120): string {
  const chosen = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(alphabets, random));
  const parts = Array.from({ length: Math.floor(random() ** 2 * longest) }, () => {
    const part = pick(pick(chosen, random), random);
    return random() < 0.15 ? part.repeat(Math.floor(random() * 6)) : part;
  });
  return parts.join('');
}
