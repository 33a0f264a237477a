import type { Encoder } from './encoder.ts';
import { countChunk, createTextCount } from './text-count.ts';

/**
 * Texts in which every kind of piece occurs: words, cases, contractions, digits, marks, punctuation, white space, all widths of UTF-8.
 * Each is short, for at first it is counted by uncompiled code, and the classes of its characters are looked up.
 */
const primers = [
  "It's HTMLParser's 'word' don't we'Ve É émigré naïve ʰˀ ªº ",
  '漢字ABC 漢字ABCd かな交じり 한국어 ',
  'عربي हिन्दी е\u0301 \u0301A \u0301AB ÀÉd ſ',
  '1 22 333 4444 ٣٤٥٦ x1y2 (a)[b]{c}<d>="e"/* f */ //\n///\r\n--==~~ ',
  '“q” — … 😀👩‍👩‍👧🇩🇪 𝒜𝟘𐐀𐐨 \u00a0x \u3000漢 \u2028\n',
  '\t\tif (a) {\n\t  return b;\r\n\r\n   }   \n \n<|endoftext|> \ud800 ',
  'aGVsbG8gd29ybGQ= c0ffee Rumpelstilzchenhaftigkeit qxzvjkqxzvjkqxzvjk    ',
];

const ROUNDS = 12;

/**
 * Counts texts of all kinds some times, so that the engine has seen every branch before it compiles the counting code. Without it each
 * new kind of text throws compiled code away, and the first megabyte of a process takes twice as long. Answers a step; done when false.
 */
export function createPrimer(encoder: Encoder): () => boolean {
  const long = createTextCount(encoder, 'ab漢'.repeat(2_000));
  let counted = 0;
  return () => {
    if (counted === ROUNDS * primers.length) return long.step();
    countChunk(encoder, primers[counted++ % primers.length]!);
    return true;
  };
}
