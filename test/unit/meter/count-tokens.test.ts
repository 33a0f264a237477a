import { expect, test } from 'vitest';
import { countTokens, withinTokens } from '../../../src/meter/count-tokens.ts';

test('counts plain text as the model does', async () => {
  expect(await countTokens('Hello, world')).toBe(3);
  expect(await countTokens('')).toBe(0);
  expect(await countTokens('Hello, world', { encoding: 'cl100k_base' })).toBe(3);
});

test('what looks like a special token is plain text', async () => {
  expect(await countTokens('<|endoftext|>')).toBe(7);
  expect(await countTokens('\0')).toBe(1);
});
