import { expect, test } from 'vitest';
import type { Usage } from '../../../../src/core/usage.ts';
import { InvalidUsageError } from '../../../../src/meter/usage/invalid-usage-error.ts';
import { settleUsage } from '../../../../src/meter/usage/settle-usage.ts';

const held: Usage = { inputTokens: 1_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 500, reasoningTokens: 200 };

test('a whole report is taken as it is', () => {
  const usage: Usage = { inputTokens: 10, cachedInputTokens: 2, cacheWriteTokens: 3, outputTokens: 5, reasoningTokens: 1 };
  expect(settleUsage(usage, held)).toEqual({ usage, estimated: false });
});

test('nothing reported is the hold, marked as estimated', () => {
  expect(settleUsage({}, held)).toEqual({ usage: held, estimated: true });
});

test('an explicit zero is zero and no estimate', () => {
  const report = { inputTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  expect(settleUsage(report, held)).toEqual({ usage: { ...held, ...report }, estimated: false });
});

test('a missing output is that of the hold', () => {
  expect(settleUsage({ inputTokens: 10, cachedInputTokens: 4 }, held)).toEqual({
    usage: { ...held, inputTokens: 10, cachedInputTokens: 4 },
    estimated: true,
  });
});

test('reasoning that a thinking model does not tell is estimated, but never above the output that it is a part of', () => {
  const { usage, estimated } = settleUsage({ inputTokens: 10, outputTokens: 30 }, held);
  expect(usage.reasoningTokens).toBe(30);
  expect(estimated).toBe(true);
});

test('a model that was not expected to think is not estimated for saying nothing of it', () => {
  expect(settleUsage({ inputTokens: 10, outputTokens: 30 }, { ...held, reasoningTokens: 0 }).estimated).toBe(false);
});

test('parts that are told without their whole raise the hold where it is too small for them', () => {
  const { usage } = settleUsage({ cachedInputTokens: 5_000, reasoningTokens: 900 }, held);
  expect([usage.inputTokens, usage.outputTokens]).toEqual([5_000, 900]);
});

test.each([[{ inputTokens: -1 }], [{ outputTokens: 0.5 }], [{ usd: Number.NaN }], [{ outputTokens: 1, reasoningTokens: 2 }]])(
  '%j is refused',
  (report) => {
    expect(() => settleUsage(report, held)).toThrow(InvalidUsageError);
  },
);
