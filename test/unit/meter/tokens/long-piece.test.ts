import { expect, test } from 'vitest';
import { encoderFor } from '../../../../src/meter/tokens/encodings.ts';
import { countLongPiece } from '../../../../src/meter/tokens/long-piece.ts';
import { mergeTokens } from '../../../../src/meter/tokens/merge.ts';
import { randomFrom } from '../random-text.ts';

const alphabets = ['a', 'ab', 'abcdefghijklmnopqrstuvwxyz', '- =', ' ', '漢字日本語的', 'etaoin', 'ABab', '\u200d', '/n'];

test.each([1, 2, 3, 5, 8, 16, 64])('windows of %i bytes give the tokens of the whole', (windowBytes) => {
  const encoder = encoderFor('o200k_base');
  const random = randomFrom(windowBytes);
  for (let round = 0; round < 300; round++) {
    const letters = Array.from(alphabets[round % alphabets.length] ?? 'a');
    const text = Array.from({ length: 2 + Math.floor(random() * 150) }, () => letters[Math.floor(random() * letters.length)]).join('');
    const bytes = Buffer.from(text);
    const whole = mergeTokens(encoder.merger, bytes, 0, bytes.length);
    const piece = countLongPiece(encoder, bytes, 0, bytes.length, windowBytes);
    while (piece.step());
    if (piece.tokens !== whole) expect({ text, tokens: piece.tokens }).toEqual({ text, tokens: whole });
  }
});

test.each(['a', '-', ' ', '漢'])('a run of %j takes steps in proportion to its length', (character) => {
  const encoder = encoderFor('o200k_base');
  const stepsFor = (length: number): number => {
    const bytes = Buffer.from(character.repeat(length));
    const piece = countLongPiece(encoder, bytes, 0, bytes.length);
    let steps = 1;
    while (piece.step()) steps++;
    return steps;
  };
  expect(stepsFor(40_000)).toBeLessThan(2.2 * stepsFor(20_000));
});
