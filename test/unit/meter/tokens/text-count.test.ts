import { describe, expect, test } from 'vitest';
import { countNow } from '../../../../src/meter/tokens/count.ts';
import { encoderFor } from '../../../../src/meter/tokens/encodings.ts';
import { createTextCount } from '../../../../src/meter/tokens/text-count.ts';

const encoder = encoderFor('o200k_base');

function stepsOf(text: string): { steps: number; tokens: number } {
  const count = createTextCount(encoder, text);
  let steps = 1;
  while (count.step()) steps++;
  return { steps, tokens: count.tokens };
}

const hostile: readonly (readonly [string, string])[] = [
  ['one letter', 'a'],
  ['dashes', '-'],
  ['spaces', ' '],
  ['line breaks', '\n'],
  ['digits', '7'],
  ['Han', '漢字'],
  ['joiners', '\u200d'],
  ['capitals after a caseless letter', '漢A'],
];

describe.each(hostile)('a long run of %s', (_, unit) => {
  test('takes steps in proportion to its length', () => {
    const [once, twice] = [stepsOf(unit.repeat(60_000 / unit.length)), stepsOf(unit.repeat(120_000 / unit.length))];
    expect(twice.steps).toBeLessThan(2.3 * once.steps);
    expect(Math.abs(twice.tokens - 2 * once.tokens)).toBeLessThanOrEqual(2);
  });
});

test('known counts of long runs', () => {
  expect(countNow('a'.repeat(1_000_000), 'o200k_base')).toBe(125_000);
  expect(countNow('7'.repeat(300_001), 'o200k_base')).toBe(100_001);
});
