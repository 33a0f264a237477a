import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attoPerToken, nanoAbove, nearestNano } from '../../src/meter/prices/decimal.ts';
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

test('plain arithmetic, where it is used, gives what exact arithmetic gives: for the finest prices and the largest amounts as well', () => {
  // Prices of up to twelve decimals, and of up to 100,000 USD: some are whole in pico-dollars and some are not, some sums are safe and some are not.
  const rate = fc.tuple(fc.constantFrom(0, 1, 7, 999, 99_999), fc.nat(999_999_999_999), fc.nat(12)).map(([whole, fraction, digits]) => {
    const decimals = String(fraction).padStart(12, '0').slice(0, digits);
    return Number(digits === 0 ? `${whole}` : `${whole}.${decimals}`);
  });
  const tokens = fc.oneof(fc.nat(200), fc.nat(3_000_000), fc.nat(4_000_000_000_000));
  const rates = fc.record({ input: rate, output: rate, perCall: rate, factor: fc.constantFrom(0.5, 1, 1.75) });
  let plain = 0;
  fc.assert(
    fc.property(rates, tokens, tokens, ({ input, output, perCall, factor }, inputTokens, outputTokens) => {
      const price = modelPrice({ rates: { input, output, perCall, serviceTiers: { tier: factor } }, source: 'test' }, 'tier');
      const scaled = (usdPerMillion: number): bigint => (attoPerToken(usdPerMillion) * BigInt(factor * 1e6)) / 1_000_000n;
      const inputAtto = attoPerToken(perCall) * 1_000_000n + BigInt(inputTokens) * scaled(input);
      const used = { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
      const sum = inputAtto + BigInt(outputTokens) * scaled(output);
      if (sum % 1_000_000n === 0n && sum < 2n ** 53n * 1_000_000n) plain++;
      expect(price.cost(used)).toBe(nearestNano(sum));
      expect(price.inputBound(inputTokens)).toBe(nanoAbove(inputAtto));
    }),
    { seed: 23, numRuns: 2_000 },
  );
  expect(plain).toBeGreaterThan(200);
  expect(plain).toBeLessThan(1_800);
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
