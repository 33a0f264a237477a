import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, test } from 'vitest';
import { cl100kPieceEnd } from '../../../../src/meter/tokens/cl100k-pieces.ts';
import { o200kPieceEnd } from '../../../../src/meter/tokens/o200k-pieces.ts';
import type { PieceEnd } from '../../../../src/meter/tokens/piece-runs.ts';

function piecesOf(pieceEnd: PieceEnd, text: string): string[] {
  const utf8 = Buffer.from(text);
  const bytes = new Uint8Array(utf8.length + 8);
  bytes.set(utf8);
  const pieces: string[] = [];
  for (let at = 0; at < utf8.length;) {
    const next = pieceEnd(bytes, at, utf8.length);
    pieces.push(utf8.subarray(at, next).toString());
    at = next;
  }
  return pieces;
}

const texts = [
  "I'll say it's HTMLParser's fault, we'Ve been 'there'",
  'camelCase PascalCase SCREAMING_CASE x1y22z333w4444',
  '  two spaces,\ttab\n\n  indented\r\n   \n trailing   ',
  'path//to/file\n//comment\n/* */ --\r\n\r\n/',
  '漢字ABC 漢字ABCd 漢字 ABC漢ABC',
  'Ünïcödé ǅungla ʰˀ ªº',
  'é\u0301 \u0301a \u0301A \u0301AB\u0301 .\u0301x \u0301\u0301',
  "\u0301's A's ab's AB'S é's 漢's 1's",
  '😀😀 a😀b 👩‍👩‍👧 🇩🇪!',
  '١٢٣٤ १२ 1²3 Ⅷ',
  '\u00a0x \u3000漢 \u2028\u2028a \ufeffb',
  '<|endoftext|> <|im_start|>',
  '   ',
  '\n',
  ' \n ',
];

describe.each([
  ['o200k_base', o200kPieceEnd, o200k.pat_str],
  ['cl100k_base', cl100kPieceEnd, cl100k.pat_str],
] as const)('the pre-tokeniser of %s', (_, pieceEnd, pattern) => {
  test.each(texts)('cuts %j where the published pattern does', (text) => {
    expect(piecesOf(pieceEnd, text)).toEqual(text.match(new RegExp(pattern, 'gu')));
  });

  test('agrees with the published pattern on every pair of neighbours out of all classes, in three surroundings', () => {
    const characters = Array.from("aAéÉǅʰ漢\u03011١ \t\n\r.'/s\u00a0😀𝒜");
    for (const first of characters) {
      for (const second of characters) {
        for (const text of [first + second, `x${first}${second}y`, ` ${first}${second}${first}A`]) {
          expect(piecesOf(pieceEnd, text)).toEqual(text.match(new RegExp(pattern, 'gu')));
        }
      }
    }
  });
});
