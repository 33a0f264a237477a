import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { InvalidOptionError } from '../../../../src/core/errors.ts';
import { createMeter } from '../../../../src/meter/create-meter.ts';
import { meterOptions, type MeterOptions } from '../../../../src/meter/options.ts';
import { pricesFromFile, refreshablePrices } from '../../../../src/meter/prices/refreshable-prices.ts';
import { createGuard } from '../../../../src/runtime/guard.ts';

const usage = { inputTokens: 1_000_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
const usdOf = (options: MeterOptions, model: string, at = '2026-11-01T12:00:00Z'): number | undefined => {
  const nano = createMeter(options, { now: () => Date.parse(at) })
    .price(model)
    ?.cost(usage);
  return nano === undefined ? undefined : nano / 1e9;
};

describe('the built-in table', () => {
  test('names its entry, with the provider or without, in the ways that hosts write a model', () => {
    const meter = createMeter();
    expect(meter.price('gpt-4o', { provider: 'openai' })?.source).toBe('genai-prices:openai/gpt-4o');
    expect(meter.price('openai/gpt-4o')?.source).toContain('openai');
    expect(meter.price('gpt-4o', { provider: 'no-such-provider' })?.source).toBe('genai-prices:openai/gpt-4o');
    expect(meter.price('ft:gpt-4o-2024-08-06:acme::x')).toBeDefined();
    expect(meter.price('claude-sonnet-4-5')?.source).toContain('anthropic');
  });

  test('tells one provider and one tier from the next, whichever was asked for last', () => {
    const meter = createMeter();
    const source = (provider: string): string | undefined => meter.price('gpt-4o', { provider })?.source;
    const sources = [source('openai'), source('azure'), source('openai'), source('azure')];
    expect(sources[1]).toContain('azure');
    expect(sources).toEqual([sources[0], sources[1], sources[0], sources[1]]);
    expect(sources[0]).not.toBe(sources[1]);
    const cost = (serviceTier?: string): number | undefined => meter.price('gpt-4o', { provider: 'openai', serviceTier })?.cost(usage);
    const costs = [cost(), cost('flex'), cost()];
    expect(costs[1]).not.toBe(costs[0]);
    expect(costs[2]).toBe(costs[0]);
  });

  test.each([
    ['ft:gpt-4o-2024-08-06:acme::x', 3.75, 15],
    ['ft:gpt-4o-mini-2024-07-18:acme::x', 0.3, 1.2],
    ['ft:gpt-3.5-turbo-0125:acme::x', 3, 6],
    ['openai/ft:gpt-4o-mini-2024-07-18:acme::x', 0.3, 1.2],
  ])('%s: a fine-tuned model has its own price, not the lower one of its base', (model, input, output) => {
    expect(usdOf({}, model)).toBe(input);
    expect(createMeter().price(model)?.outputTokenBound(0)).toBe(output * 1_000);
  });

  test('a fine-tuned model whose price the table does not know is unpriced, for it costs more than its base', () => {
    expect(createMeter().price('ft:gpt-4.1-2025-04-14:acme::x')).toBeUndefined();
    expect(createMeter().price('ft:o4-mini-2025-04-16:acme::x', { provider: 'openai' })).toBeUndefined();
  });

  test.each([
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 'aws/'],
    ['anthropic.claude-3-5-haiku-20241022-v1:0', 'aws/'],
    ['global.anthropic.claude-sonnet-4-5-20250929-v1:0', 'aws/'],
    ['bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0', 'aws/'],
    ['amazon.nova-pro-v1:0', 'aws/'],
    ['us.meta.llama3-3-70b-instruct-v1:0', 'aws/'],
    ['openai:gpt-4o-mini', 'openai/gpt-4o-mini'],
    ['google-gla:gemini-2.5-pro', 'google/gemini-2.5-pro'],
    ['anthropic:claude-sonnet-4-5', 'anthropic/claude-sonnet-4-5'],
  ])('%s is found by its name alone', (model, source) => {
    expect(createMeter().price(model)?.source).toContain(`genai-prices:${source}`);
  });

  test.each(['mistral:7b', 'llama3:8b', 'llama3.1:70b', 'qwen2.5:14b', 'phi:latest', 'house:gpt', 'my.model', 'v1.large'])(
    '%s, which nobody sells by that name, has no price',
    (model) => {
      expect(createMeter().price(model)).toBeUndefined();
    },
  );

  test('a picture that a model makes is billed as one: usage does not tell its tokens from those of text', () => {
    expect(createMeter().price('gemini-2.5-flash-image')?.outputTokenBound(0)).toBe(30_000);
    expect(
      createMeter()
        .price('gpt-image-1.5')
        ?.cost({ ...usage, inputTokens: 0, outputTokens: 1_000 }),
    ).toBe(32_000_000);
  });

  test('what Claude writes to a cache for an hour costs twice the input, wherever it is sold', () => {
    const written = { ...usage, inputTokens: 1_000, cacheWriteTokens: 1_000, longCacheWriteTokens: 1_000 };
    for (const provider of ['anthropic', 'aws', 'google', 'openrouter']) {
      const model = provider === 'aws' ? 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' : 'claude-sonnet-4-5';
      const price = createMeter().price(provider === 'openrouter' ? 'anthropic/claude-sonnet-4.5' : model, { provider });
      expect(price?.source).toContain(provider);
      expect(price?.cost(written)).toBe(2 * (price?.cost({ ...usage, inputTokens: 1_000 }) ?? Number.NaN));
    }
    const vertex = createMeter().price('claude-sonnet-4-5', { provider: 'google' });
    expect(vertex?.cost({ ...written, inputTokens: 300_000 })).toBe(299_000 * 6_000 + 1_000 * 12_000);
  });

  test('a price that changed on a date is taken as it stood at the call', () => {
    expect(usdOf({}, 'o3', '2025-06-01T00:00:00Z')).toBe(10);
    expect(usdOf({}, 'o3', '2025-07-01T00:00:00Z')).toBe(2);
  });

  test('a price that changes by the hour is taken as it stands at the call', () => {
    expect(usdOf({}, 'deepseek-chat', '2026-11-01T12:00:00Z')).toBe(0.27);
    expect(usdOf({}, 'deepseek-chat', '2026-11-01T20:00:00Z')).toBe(0.135);
  });

  test('long input has the price of its tier', () => {
    const price = createMeter().price('claude-sonnet-4-5');
    expect(price?.cost({ ...usage, inputTokens: 200_000 })).toBe(600_000_000);
    expect(price?.cost({ ...usage, inputTokens: 200_001 })).toBe(200_001 * 6_000);
  });

  test('a price is a snapshot: it stays when the clock goes on', () => {
    let now = Date.parse('2026-11-01T12:00:00Z');
    const meter = createMeter({}, { now: () => now });
    const held = meter.price('deepseek-chat');
    now = Date.parse('2026-11-01T20:00:00Z');
    expect(held?.cost(usage)).toBe(270_000_000);
    expect(meter.price('deepseek-chat')?.cost(usage)).toBe(135_000_000);
  });

  test('a fee for each request is in the bill', () => {
    const nothing = { ...usage, inputTokens: 0 };
    expect(createMeter().price('sonar', { provider: 'perplexity' })?.cost(nothing)).toBe(12_000_000);
  });

  test('a price is worked out once, and of many names and rates no more are kept than there is room for', () => {
    const now = (): number => Date.parse('2026-11-01T12:00:00Z');
    let input = 1;
    const meter = createMeter({ prices: ({ model }) => (model === 'house' ? { input, output: 1 } : undefined) }, { now });
    const [own, known] = [meter.price('house'), meter.price('gpt-4o')];
    expect(meter.price('house')).toBe(own);
    expect(meter.price('gpt-4o')).toBe(known);
    for (; input < 600; input++) {
      meter.price('house');
      meter.price(`no-such-model-${input}`);
    }
    input = 1;
    expect(meter.price('house')).not.toBe(own);
    expect(meter.price('gpt-4o')).not.toBe(known);
    expect(meter.price('gpt-4o')?.source).toBe(known?.source);
  });

  test('a model that is billed by other units than tokens is unpriced, never free', () => {
    expect(createMeter().price('whisper-1')?.cost(usage)).not.toBe(0);
    expect(createMeter().price('whisper-large-v3', { provider: 'groq' })).toBeUndefined();
  });
});

describe('overrides', () => {
  test('win over the table, by name or by the longest pattern', () => {
    const prices = { 'gpt-*': { input: 1, output: 1 }, 'gpt-4o*': { input: 2, output: 2 }, 'gpt-4o': { input: 3, output: 3 } };
    expect(usdOf({ prices }, 'gpt-5')).toBe(1);
    expect(usdOf({ prices }, 'gpt-4o-mini')).toBe(2);
    expect(usdOf({ prices }, 'gpt-4o')).toBe(3);
    expect(usdOf({ prices }, 'o3')).toBe(2);
  });

  test('a function is asked at every call, and its undefined means the table', () => {
    let input = 1;
    const meter = createMeter({ prices: ({ model }) => (model === 'house' ? { input: input++, output: 0 } : undefined) });
    expect(meter.price('house')?.cost(usage)).toBe(1_000_000_000);
    expect(meter.price('house')?.cost(usage)).toBe(2_000_000_000);
    expect(meter.price('gpt-4o')?.cost(usage)).toBe(2_500_000_000);
  });

  test('a function that changes the object it gives is heard all the same', () => {
    const rates = { input: 1, output: 0, tiers: [{ above: 10, input: 3 }] };
    const meter = createMeter({ prices: () => rates });
    expect(meter.price('house')?.cost(usage)).toBe(3_000_000_000);
    rates.tiers = [];
    expect(meter.price('house')?.cost(usage)).toBe(1_000_000_000);
    rates.input = 2;
    expect(meter.price('house')?.cost(usage)).toBe(2_000_000_000);
    expect(meter.price('house', { serviceTier: 'batch' })?.cost(usage)).toBe(1_000_000_000);
    rates.input = -2;
    expect(meter.price('house')).toBeUndefined();
  });

  test('a function that throws or answers nonsense is told of, and the table answers', () => {
    const problems: unknown[] = [];
    const broken = { prices: (): never => { throw new Error('down'); } }; // prettier-ignore
    expect(createMeter(broken, { onProblem: (error) => problems.push(error) }).price('gpt-4o')?.source).toContain('genai-prices');
    const nonsense = { prices: () => ({ input: Number.NaN, output: 1 }) };
    expect(createMeter(nonsense, { onProblem: (error) => problems.push(error) }).price('no-such-model')).toBeUndefined();
    expect(problems).toHaveLength(2);
  });
});

test('a function that answers later is told of with the remedy, and what becomes of its promise harms nobody', async () => {
  const problems: unknown[] = [];
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  try {
    const prices = (() => Promise.reject(new Error('down'))) as unknown as NonNullable<MeterOptions['prices']>;
    expect(createMeter({ prices }, { onProblem: (error) => problems.push(error) }).price('gpt-4o')?.source).toContain('genai-prices');
    await nextTurn();
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  expect(unhandled).not.toHaveBeenCalled();
  expect(problems.map(String)).toEqual([expect.stringContaining('refreshablePrices')]);
});

describe('prices that cannot be used', () => {
  test.each([
    [{ input: Number.NaN, output: 1 }],
    [{ input: -1, output: 1 }],
    [{ input: '2.5', output: 1 }],
    [{ input: 2.5 }],
    [{ input: 2_500_000, output: 1 }],
    [{ input: 2.5, output: 1, per: 'token' }],
    [{ input: 2.5, output: 1, per: 100 }],
    [{ input: 2.5, output: 1, inputPer1k: 2 }],
    [{ input: 2.5, output: 1, tiers: [{ input: 3 }] }],
  ])('%j', (rates) => {
    expect(meterOptions.safeParse({ prices: { 'house-model': rates } }).success).toBe(false);
  });

  test.each<[unknown, string]>([
    [{ house: { input: '2.5', output: 1 } }, 'prices.house.input: give a price as a number of USD'],
    [{ house: { input: -1, output: 1 } }, 'prices.house.input: a price cannot be negative'],
    [{ fine: { input: 1, output: 1 }, house: { input: 1 } }, 'prices.house.output: give a price as a number of USD'],
    [{ house: 2.5 }, 'prices.house: give the prices of a model'],
    [2.5, 'prices: give a function, or prices by model name'],
  ])('%j: the error says which and what to give', (prices, message) => {
    const make = (): unknown => createMeter({ prices: prices as MeterOptions['prices'] });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(message);
    expect(() => createGuard({ prices: prices as MeterOptions['prices'] })).toThrow(message);
  });

  test('a price of zero is one', () => {
    expect(meterOptions.safeParse({ prices: { local: { input: 0, output: 0 } } }).success).toBe(true);
    expect(usdOf({ prices: { local: { input: 0, output: 0 } } }, 'local')).toBe(0);
  });
});

describe('prices that are read anew', () => {
  test('from a function: unknown before the first reading, then as read last; a failed reading keeps them', async () => {
    let given: unknown = { house: { input: 1, output: 1 } };
    const prices = refreshablePrices(() => given);
    expect(usdOf({ prices }, 'house')).toBeUndefined();
    await prices.refresh();
    expect(usdOf({ prices }, 'house')).toBe(1);
    given = { house: { input: 2, output: 1 } };
    await prices.refresh();
    expect(usdOf({ prices }, 'house')).toBe(2);
    given = { house: { input: -2, output: 1 }, other: [] };
    await expect(prices.refresh()).rejects.toThrow(InvalidOptionError);
    await expect(prices.refresh()).rejects.toThrow('house.input');
    given = [];
    await expect(prices.refresh()).rejects.toThrow('object of prices');
    expect(usdOf({ prices }, 'house')).toBe(2);
  });

  test('from a file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'prices-'));
    try {
      const file = path.join(folder, 'prices.json');
      await writeFile(file, JSON.stringify({ 'house-*': { input: 4, output: 1 } }));
      const prices = pricesFromFile(file);
      await prices.refresh();
      expect(usdOf({ prices }, 'house-model')).toBe(4);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
