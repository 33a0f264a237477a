import { describe, expect, test } from 'vitest';
import type { Usage } from '../../../../src/core/usage.ts';
import { modelPrice } from '../../../../src/meter/prices/model-price.ts';
import type { ModelRates } from '../../../../src/meter/prices/rates.ts';

const none: Usage = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
const priceOf = (rates: ModelRates, serviceTier?: string): ReturnType<typeof modelPrice> =>
  modelPrice({ rates, source: 'test' }, serviceTier);

describe('each token is paid once, at its own rate', () => {
  const rates: ModelRates = {
    input: 3,
    cachedInput: 0.3,
    cacheWrite: 3.75,
    longCacheWrite: 6,
    output: 15,
    reasoning: 20,
    audioInput: 40,
    audioOutput: 80,
  };
  const price = priceOf(rates);

  test.each<[string, Partial<Usage>, number]>([
    ['input', { inputTokens: 1_000 }, 3_000_000],
    ['cached input is a part of the input', { inputTokens: 1_000, cachedInputTokens: 1_000 }, 300_000],
    ['a cache write is a part of the input', { inputTokens: 1_000, cacheWriteTokens: 1_000 }, 3_750_000],
    [
      'a cache write for an hour is a part of the writes',
      { inputTokens: 1_000, cacheWriteTokens: 1_000, longCacheWriteTokens: 400 },
      4_650_000,
    ],
    ['output', { outputTokens: 1_000 }, 15_000_000],
    ['reasoning is a part of the output', { outputTokens: 1_000, reasoningTokens: 900 }, 19_500_000],
    ['audio', { inputTokens: 10, audioInputTokens: 10, outputTokens: 10, audioOutputTokens: 4 }, 400_000 + 320_000 + 90_000],
    ['audio beyond what was read afresh was cached', { inputTokens: 10, cachedInputTokens: 8, audioInputTokens: 10 }, 2 * 40_000 + 8 * 300],
    ['audio beyond the visible output is none', { outputTokens: 10, reasoningTokens: 6, audioOutputTokens: 10 }, 4 * 80_000 + 6 * 20_000],
    [
      'writes for an hour beyond all writes are none',
      { inputTokens: 10, cacheWriteTokens: 4, longCacheWriteTokens: 9 },
      4 * 6_000 + 6 * 3_000,
    ],
    [
      'all at once',
      { inputTokens: 100, cachedInputTokens: 50, cacheWriteTokens: 20, outputTokens: 10, reasoningTokens: 5 },
      90_000 + 15_000 + 75_000 + 75_000 + 100_000,
    ],
  ])('%s', (_, usage, nano) => {
    expect(price.cost({ ...none, ...usage })).toBe(nano);
  });

  test('a rate that is not given is that of its whole', () => {
    const plain = priceOf({ input: 3, output: 15 });
    const usage: Usage = {
      inputTokens: 100,
      cachedInputTokens: 50,
      cacheWriteTokens: 20,
      outputTokens: 10,
      reasoningTokens: 5,
      audioOutputTokens: 2,
    };
    expect(plain.cost(usage)).toBe(300_000 + 150_000);
  });
});

describe('money is exact', () => {
  test('a price that is no binary fraction stays what it says', () => {
    expect(priceOf({ input: 0.075, output: 0.3 }).cost({ ...none, inputTokens: 3 })).toBe(225);
    expect(priceOf({ input: 1e-7, output: 0 }).cost({ ...none, inputTokens: 1e10 })).toBe(1_000_000);
  });

  test('less than a nano-dollar is rounded to the nearest in a bill and upwards in a bound', () => {
    const price = priceOf({ input: 0.0004, output: 0.0004 });
    expect(price.cost({ ...none, inputTokens: 1 })).toBe(0);
    expect(price.inputBound(1)).toBe(1);
    expect(price.outputTokenBound(1)).toBe(1);
  });

  test('a free model is free, and a bill beyond all sense stays a safe integer', () => {
    expect(priceOf({ input: 0, output: 0 }).cost({ ...none, inputTokens: 1e9, outputTokens: 1e9 })).toBe(0);
    expect(priceOf({ input: 100_000, output: 0 }).cost({ ...none, inputTokens: 1e14 })).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([
    [1_000, 2.5],
    [1, 0.0025],
  ] as const)('a price per %i tokens', (per, rate) => {
    expect(priceOf({ input: rate, output: rate, per }).cost({ ...none, inputTokens: 2 })).toBe(Math.round((2 * rate * 1e9) / per));
  });
});

describe('the tier is chosen by the input of the request and holds for the whole of it', () => {
  const price = priceOf({ input: 3, cachedInput: 0.3, output: 15, tiers: [{ above: 200_000, input: 6, output: 22.5 }] });

  test.each([
    [200_000, 3],
    [200_001, 6],
  ])('%i input tokens', (inputTokens, rate) => {
    expect(price.cost({ ...none, inputTokens })).toBe(inputTokens * rate * 1_000);
    expect(price.inputBound(inputTokens)).toBe(inputTokens * rate * 1_000);
  });

  test('output follows the input', () => {
    expect(price.cost({ ...none, inputTokens: 200_001, outputTokens: 10 })).toBe(200_001 * 6_000 + 225_000);
    expect(price.outputTokenBound(200_001)).toBe(22_500);
    expect(price.outputTokenBound(10)).toBe(15_000);
  });

  test('a rate that the tier does not name stays', () => {
    expect(price.cost({ ...none, inputTokens: 300_000, cachedInputTokens: 300_000 })).toBe(300_000 * 300);
  });

  test('a rate of a lower tier stays where a higher one does not name it', () => {
    const steps = priceOf({ input: 1, output: 4, tiers: [{ above: 500_000, input: 3 }, { above: 200_000, input: 2, output: 8 }] }); // prettier-ignore
    expect(steps.cost({ ...none, inputTokens: 600_000, outputTokens: 10 })).toBe(600_000 * 3_000 + 80_000);
    expect(steps.cost({ ...none, inputTokens: 300_000, outputTokens: 10 })).toBe(300_000 * 2_000 + 80_000);
  });

  test('a bound is not lowered by a tier that makes many tokens cheaper', () => {
    const discount = priceOf({ input: 3, output: 15, tiers: [{ above: 1_000, input: 1, output: 5 }] });
    expect(discount.inputBound(2_000)).toBe(6_000_000);
    expect(discount.outputTokenBound(2_000)).toBe(15_000);
  });
});

describe('bounds', () => {
  test('the dearer of input and cache write is held, and the dearer of output and reasoning', () => {
    const price = priceOf({ input: 3, cacheWrite: 3.75, longCacheWrite: 6, output: 15, reasoning: 20 });
    expect(price.inputBound(1_000)).toBe(6_000_000);
    expect(price.outputTokenBound(1_000)).toBe(20_000);
  });

  test('the fee of a call is in its cost and in the bound of its input, once', () => {
    const price = priceOf({ input: 1, output: 1, perCall: 0.005 });
    expect(price.cost(none)).toBe(5_000_000);
    expect(price.inputBound(10)).toBe(5_010_000);
    expect(price.outputTokenBound(10)).toBe(1_000);
  });
});

describe('service tiers', () => {
  const rates: ModelRates = { input: 2, output: 8, serviceTiers: { batch: 0.4, priority: { input: 3.5, output: 14 } } };
  const costIn = (serviceTier: string | undefined): number =>
    priceOf(rates, serviceTier).cost({ ...none, inputTokens: 1_000, outputTokens: 100 });

  test('a factor and rates of its own', () => {
    expect(costIn('batch')).toBe(1_120_000);
    expect(costIn('priority')).toBe(4_900_000);
  });

  test('the standard tier by all its names', () => {
    for (const tier of [undefined, 'default', 'auto', 'standard', 'on_demand']) expect(costIn(tier)).toBe(2_800_000);
    expect(priceOf(rates, 'auto').source).toBe('test');
  });

  test('what is assumed is said: half for flex, and the standard price for a tier that nobody knows', () => {
    expect(costIn('flex')).toBe(1_400_000);
    expect(priceOf(rates, 'flex').source).toContain('flex at 0.5 times');
    expect(costIn('constructor')).toBe(2_800_000);
    expect(priceOf(rates, 'constructor').source).toContain('without a known price');
  });
});
