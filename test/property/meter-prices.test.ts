import fc from 'fast-check';
import { expect, test } from 'vitest';
import { modelPrice } from '../../src/meter/prices/model-price.ts';

/** A decimal as people write it, with up to six digits behind the point, and the same as a count of millionths. */
const decimal = fc.tuple(fc.nat(999), fc.nat(999_999)).map(([whole, millionths]) => ({
  rate: Number(`${whole}.${String(millionths).padStart(6, '0')}`),
  millionths: BigInt(whole) * 1_000_000n + BigInt(millionths),
}));

const usage = fc
  .record({ input: fc.nat(3_000_000), cached: fc.nat(100), written: fc.nat(100), output: fc.nat(300_000), reasoning: fc.nat(100) })
  .map(({ input, cached, written, output, reasoning }) => {
    const cachedInputTokens = Math.floor((input * cached) / 100);
    return {
      inputTokens: input,
      cachedInputTokens,
      cacheWriteTokens: Math.floor(((input - cachedInputTokens) * written) / 100),
      outputTokens: output,
      reasoningTokens: Math.floor((output * reasoning) / 100),
    };
  });

test('a bill is what decimal arithmetic says, to the nano-dollar', () => {
  const rates = fc.record({ input: decimal, cachedInput: decimal, cacheWrite: decimal, output: decimal, reasoning: decimal });
  fc.assert(
    fc.property(rates, usage, (given, used) => {
      const fresh = BigInt(used.inputTokens - used.cachedInputTokens - used.cacheWriteTokens);
      // Millionths of a dollar per million tokens are 1e-12 dollars per token: a thousand of them are a nano-dollar.
      const pico =
        fresh * given.input.millionths +
        BigInt(used.cachedInputTokens) * given.cachedInput.millionths +
        BigInt(used.cacheWriteTokens) * given.cacheWrite.millionths +
        BigInt(used.outputTokens - used.reasoningTokens) * given.output.millionths +
        BigInt(used.reasoningTokens) * given.reasoning.millionths;
      const whole = pico / 1_000n;
      const nearest = pico % 1_000n >= 500n ? whole + 1n : whole;
      const rateNumbers = {
        input: given.input.rate,
        cachedInput: given.cachedInput.rate,
        cacheWrite: given.cacheWrite.rate,
        output: given.output.rate,
        reasoning: given.reasoning.rate,
      };
      expect(BigInt(modelPrice({ rates: rateNumbers, source: 'test' }).cost(used))).toBe(nearest);
    }),
    { seed: 21, numRuns: 1_000 },
  );
});

test('a bill is never above the bounds of its input and output', () => {
  const rates = fc.record({
    input: decimal,
    cacheWrite: decimal,
    output: decimal,
    reasoning: decimal,
    above: fc.nat(1_000_000),
    dearer: decimal,
  });
  fc.assert(
    fc.property(rates, usage, (given, used) => {
      const price = modelPrice({
        rates: {
          input: given.input.rate,
          cachedInput: 0,
          cacheWrite: given.cacheWrite.rate,
          output: given.output.rate,
          reasoning: given.reasoning.rate,
          tiers: [{ above: given.above, input: given.dearer.rate, output: given.dearer.rate }],
        },
        source: 'test',
      });
      const bound = price.inputBound(used.inputTokens) + used.outputTokens * price.outputTokenBound(used.inputTokens);
      expect(price.cost(used)).toBeLessThanOrEqual(bound);
    }),
    { seed: 22, numRuns: 1_000 },
  );
});
