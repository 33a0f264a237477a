import { describe, expect, it } from 'vitest';
import { zero, type AmountLimits, type Amounts } from '../../../src/core/amounts.ts';
import { fit, type Ask, type Standing } from '../../../src/core/reservation.ts';

const amounts = (some: Partial<Amounts>): Amounts => ({ ...zero, ...some });
const standing = (
  limits: AmountLimits,
  sums: { settled?: Partial<Amounts>; held?: Partial<Amounts>; unconfirmed?: Partial<Amounts> } = {},
): Standing => ({
  limits,
  sums: { settled: amounts(sums.settled ?? {}), held: amounts(sums.held ?? {}), unconfirmed: amounts(sums.unconfirmed ?? {}) },
});
const ask = (base: Partial<Amounts>, more: Omit<Ask, 'base'> = {}): Ask => ({ base: amounts(base), ...more });

describe('fit', () => {
  it('fits anything where nothing is limited', () => {
    expect(fit(ask({ usd: 1e15 }), [])).toEqual({ fits: true, amounts: amounts({ usd: 1e15 }), units: 0 });
    expect(fit(ask({ usd: 1e15 }), [standing({ tokens: 1 })])).toMatchObject({ fits: true });
  });

  it('counts what is settled, held and unconfirmed', () => {
    const account = standing({ usd: 100 }, { settled: { usd: 30 }, held: { usd: 20 }, unconfirmed: { usd: 10 } });
    expect(fit(ask({ usd: 40 }), [account])).toMatchObject({ fits: true });
    expect(fit(ask({ usd: 41 }), [account])).toEqual({
      fits: false,
      shortfall: { account: 0, dimension: 'usd', limit: 100, settled: 40, held: 20, asked: 41 },
    });
  });

  it('names the account with the least room, and the first of equals', () => {
    const accounts = [standing({ usd: 50 }), standing({ usd: 20 }), standing({ usd: 20 })];
    expect(fit(ask({ usd: 60 }), accounts)).toMatchObject({ shortfall: { account: 1, limit: 20 } });
  });

  it('names the first dimension that is short', () => {
    expect(fit(ask({ usd: 5, steps: 5 }), [standing({ steps: 1, usd: 1 })])).toMatchObject({ shortfall: { dimension: 'usd' } });
  });

  it('refuses a negative room even for nothing more than the least', () => {
    const spent = standing({ usd: 10 }, { settled: { usd: 15 } });
    expect(fit(ask({ usd: 1 }), [spent])).toMatchObject({ fits: false });
    expect(fit(ask({ tokens: 1 }), [spent]), 'a dimension of which nothing is asked').toMatchObject({ fits: true });
  });

  it('gives as many units as the tightest dimension allows, in whole numbers', () => {
    const wanted = ask({ usd: 10 }, { perUnit: amounts({ usd: 3, outputTokens: 1 }), unitsWanted: 100, unitsLeast: 5 });
    expect(fit(wanted, [standing({ usd: 100 })])).toMatchObject({
      fits: true,
      units: 30,
      amounts: amounts({ usd: 100, outputTokens: 30 }),
    });
    expect(fit(wanted, [standing({ usd: 99 }), standing({ outputTokens: 12 })])).toMatchObject({ units: 12 });
    expect(fit(wanted, [standing({ usd: 25 })])).toMatchObject({ units: 5 });
    expect(fit(wanted, [standing({ usd: 24 })])).toMatchObject({ fits: false, shortfall: { asked: 25 } });
  });

  it('wants all units where no least is named, and never more than are wanted', () => {
    const wanted = ask({}, { perUnit: amounts({ tokens: 1 }), unitsWanted: 10 });
    expect(fit(wanted, [standing({ tokens: 9 })])).toMatchObject({ fits: false });
    expect(fit({ ...wanted, unitsLeast: 50 }, [standing({ tokens: 10 })])).toMatchObject({ fits: true, units: 10 });
  });

  it('lets a gate look at the account that it names, and past accounts without that limit', () => {
    const accounts = [standing({ usd: 1000 }), standing({ tokens: 100 }, { settled: { tokens: 70 } })];
    const gated = (account: number, below: number): Ask => ask({ tokens: 10 }, { gates: [{ account, dimension: 'tokens', below }] });
    expect(fit(gated(1, 0.8), accounts)).toMatchObject({ fits: true });
    expect(fit(gated(1, 0.79), accounts)).toMatchObject({ fits: false, shortfall: { account: 1, dimension: 'tokens' } });
    expect(fit(gated(0, 0), accounts)).toMatchObject({ fits: true });
    expect(fit(gated(9, 0), accounts)).toMatchObject({ fits: true });
  });

  it('keeps a slice from all but closing steps', () => {
    const account = { ...standing({ usd: 100 }), kept: { usd: 30 } };
    expect(fit(ask({ usd: 71 }), [account])).toMatchObject({ fits: false, shortfall: { limit: 70 } });
    expect(fit(ask({ usd: 100 }, { isClosing: true }), [account])).toMatchObject({ fits: true });
  });

  it('does not change what it is given', () => {
    const base = Object.freeze(amounts({ usd: 1 }));
    const account = Object.freeze(standing(Object.freeze({ usd: 10 })));
    expect(fit({ base, yielding: ['usd'] }, [account])).toMatchObject({ amounts: { usd: 1 } });
  });
});
