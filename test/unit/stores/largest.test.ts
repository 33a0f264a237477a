import fc from 'fast-check';
import { expect, it } from 'vitest';
import { largest } from '../../../src/stores/largest.ts';

it('finds the largest, largest first, as sorting all of them would', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), fc.nat(30), (numbers, most) => {
      expect(largest(numbers, most, (a, b) => a - b)).toEqual(numbers.toSorted((a, b) => b - a).slice(0, most));
    }),
  );
});
