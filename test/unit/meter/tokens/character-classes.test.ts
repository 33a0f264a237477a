import { expect, test } from 'vitest';
import { asciiClass, characterClass, classAt, classOf, widthOf } from '../../../../src/meter/tokens/character-classes.ts';

const { other, space, newline, number, upper, lower, letter, mark } = characterClass;

/** The class by the engine's own tables, asked one character at a time. */
function expectedClass(character: string): number {
  if (character === '\r' || character === '\n') return newline;
  if (/^\s$/u.test(character)) return space;
  if (/^\p{N}$/u.test(character)) return number;
  if (/^\p{Ll}$/u.test(character)) return lower;
  if (/^[\p{Lu}\p{Lt}]$/u.test(character)) return upper;
  if (/^\p{L}$/u.test(character)) return letter;
  return /^\p{M}$/u.test(character) ? mark : other;
}

test('every character of the basic plane and of the scripts beyond it has the class that the engine gives it', () => {
  const wrong: string[] = [];
  const last = 0x1f_fff;
  for (let codePoint = 0; codePoint <= last; codePoint++) {
    const character = String.fromCodePoint(codePoint);
    if (classOf(codePoint) !== expectedClass(character)) wrong.push(codePoint.toString(16));
  }
  expect(wrong).toEqual([]);
});

test('a class is read from UTF-8 as from the code point, at every width', () => {
  for (const codePoint of [0x00, 0x41, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0x4e00, 0xfeff, 0xffff, 0x1_0000, 0x1_d49c, 0x1_f600, 0x10_ffff]) {
    const bytes = Buffer.from(`x${String.fromCodePoint(codePoint)}y`);
    expect(classAt(bytes, 1)).toBe(classOf(codePoint));
    expect(widthOf(bytes[1]!)).toBe(bytes.length - 2);
    if (codePoint < 0x80) expect(asciiClass[codePoint]).toBe(classOf(codePoint));
  }
});
