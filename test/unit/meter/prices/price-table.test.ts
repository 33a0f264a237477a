import { expect, test } from 'vitest';
import { InvalidOptionError } from '../../../../src/core/errors.ts';
import { createMeter } from '../../../../src/meter/create-meter.ts';
import { refreshPriceTable } from '../../../../src/meter/prices/price-table.ts';

const usage = { inputTokens: 1_000_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/** A table in the form of the published one, with one model. */
const tableWith = (prices: unknown): unknown => [
  {
    id: 'openai',
    name: 'OpenAI',
    api_pattern: 'https://api\\.openai\\.com',
    model_match: { starts_with: 'gpt-' },
    models: [{ id: 'gpt-4o', match: { starts_with: 'gpt-4o' }, prices }],
  },
];

test('a refreshed table holds for every meter at once, held prices stay, and bad data changes nothing', async () => {
  const problems: unknown[] = [];
  const meter = createMeter({}, { onProblem: (error) => problems.push(error) });
  const held = meter.price('gpt-4o');
  expect(held?.cost(usage)).toBe(2_500_000_000);

  await refreshPriceTable(() => tableWith({ input_mtok: { base: 3, tiers: [{ start: 500_000, price: 4 }] }, output_mtok: 9 }));
  expect(meter.price('gpt-4o')?.cost(usage)).toBe(4_000_000_000);
  expect(meter.price('gpt-4o')?.source).toBe('genai-prices:openai/gpt-4o');
  expect(
    createMeter()
      .price('gpt-4o')
      ?.cost({ ...usage, inputTokens: 100 }),
  ).toBe(300_000);
  expect(held?.cost(usage)).toBe(2_500_000_000);

  for (const bad of [null, {}, [], [{}], [null], 'table', [{ id: 'openai', models: [{ id: 'gpt-4o', prices: [{ constraint: 7 }] }] }]]) {
    await expect(refreshPriceTable(() => bad)).rejects.toThrow(InvalidOptionError);
    expect(meter.price('gpt-4o')?.cost(usage)).toBe(4_000_000_000);
  }
  await expect(refreshPriceTable(() => Promise.reject(new Error('no network')))).rejects.toThrow('no network');

  await refreshPriceTable(() => tableWith({ input_mtok: 'cheap' }));
  expect(meter.price('gpt-4o')).toBeUndefined();
  expect(problems.length).toBeGreaterThan(0);
});
