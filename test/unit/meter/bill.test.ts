import { expect, test } from 'vitest';
import { toUsd } from '../../../src/core/money.ts';
import type { Usage } from '../../../src/core/usage.ts';
import { createMeter } from '../../../src/meter/create-meter.ts';

const usageOf = (inputTokens: number, outputTokens: number): Usage => ({
  inputTokens,
  outputTokens,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
});

test.each([
  [100, 150, 0.00175],
  [2_000, 500, 0.01],
  [8_000, 2_000, 0.04],
  [32_000, 4_000, 0.12],
  [50_000, 10_000, 0.225],
])('%i input and %i output tokens of gpt-4o cost %f USD', (input, output, usd) => {
  const price = createMeter().price('gpt-4o');
  expect(toUsd(price?.cost(usageOf(input, output)) ?? Number.NaN)).toBe(usd);
});

test('the same bill comes out of prices given by hand', () => {
  const price = createMeter({ prices: { 'house-model': { input: 2.5, output: 10 } } }).price('house-model');
  expect(toUsd(price?.cost(usageOf(50_000, 10_000)) ?? Number.NaN)).toBe(0.225);
  expect(price?.source).toBe('override');
});

test('a model that nobody has priced has no price', () => {
  expect(createMeter().price('no-such-model-anywhere')).toBeUndefined();
});
