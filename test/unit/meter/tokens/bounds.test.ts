import { expect, test } from 'vitest';
import { fewestTokens, mostTokensOf } from '../../../../src/meter/tokens/bounds.ts';
import { countNow, isWithinBounds } from '../../../../src/meter/tokens/count.ts';
import { randomFrom, randomText } from '../random-text.ts';

test.each(['o200k_base', 'cl100k_base'] as const)('no text has fewer or more tokens of %s than the bounds say', (encoding) => {
  const random = randomFrom(51);
  const runs = ['a', ' ', '-', '漢', '\u200d', '\ud800', '😀', '\n'].map((unit) => unit.repeat(2_000));
  for (const text of [...Array.from({ length: 1_000 }, () => randomText(random)), ...runs, '']) {
    const count = countNow(text, encoding);
    if (count < fewestTokens(text) || count > mostTokensOf(text.length)) expect.unreachable(`${count} tokens of ${text.length} units`);
    for (const limit of [0, count - 1, count, count + 1, 3 * text.length]) {
      const known = isWithinBounds(text, limit);
      if (known !== undefined) expect(known).toBe(count <= limit);
    }
  }
});
