import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  amountsOf,
  dimensions,
  excess,
  invalidDimension,
  isWithin,
  minus,
  plus,
  tightest,
  zero,
  type Amounts,
} from '../../../src/core/amounts.ts';

const amounts: fc.Arbitrary<Amounts> = fc
  .array(fc.nat(1_000_000), { minLength: dimensions.length, maxLength: dimensions.length })
  .map((values) => amountsOf((dimension) => values[dimensions.indexOf(dimension)] ?? 0));

describe('amounts', () => {
  it('are asked for in every dimension', () => {
    expect(Object.keys(amountsOf(() => 1))).toEqual([...dimensions]);
    expect(Object.values(zero)).toEqual(dimensions.map(() => 0));
  });

  it('are added and taken away in every dimension', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        for (const dimension of dimensions) {
          expect(plus(a, b)[dimension]).toBe(a[dimension] + b[dimension]);
          expect(minus(a, b)[dimension]).toBe(a[dimension] - b[dimension]);
          expect(excess(a, b)[dimension]).toBe(Math.max(0, a[dimension] - b[dimension]));
        }
      }),
    );
  });

  it.each(dimensions)('lie above others as soon as they do in %s', (dimension) => {
    const five = amountsOf(() => 5);
    expect(isWithin(five, five)).toBe(true);
    expect(isWithin({ ...five, [dimension]: 6 }, five)).toBe(false);
    expect(excess({ ...five, [dimension]: 7 }, five)).toEqual({ ...zero, [dimension]: 2 });
  });

  it.each(dimensions)('are told from what is no count in %s', (dimension) => {
    expect(invalidDimension({ ...zero, [dimension]: Number.MAX_SAFE_INTEGER })).toBeUndefined();
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1]) {
      expect(invalidDimension({ ...zero, [dimension]: bad })).toBe(dimension);
    }
  });
});

describe('tightest', () => {
  it('takes the smaller ceiling of each dimension, and the only one where there is one', () => {
    expect(tightest({ usd: 5, tokens: 10, steps: 0 }, { usd: 7, tokens: 3, toolCalls: 1 })).toEqual({
      usd: 5,
      tokens: 3,
      steps: 0,
      toolCalls: 1,
    });
  });

  it('gives no ceiling where there is none', () => {
    expect(tightest({}, {})).toEqual({});
  });
});
