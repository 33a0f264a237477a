import { InvalidOptionError, spendReport, type AuditEntry } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { costOf, modelStep, runStart } from '../../support/audit-entries.ts';

const at = (hour: number): number => Date.UTC(2026, 0, 15, hour);
const halt = (cause: 'loop' | 'budget'): AuditEntry => ({
  v: 1,
  at: at(1),
  event: 'run:halt',
  run: 'r1',
  tenant: 'default',
  scopes: { user: 'ann' },
  cause,
  step: 1,
  reason: '',
});

describe('a spend report', () => {
  it('sums up by one key, largest spend first, to the nano-dollar', () => {
    const report = spendReport({ by: ['user'] });
    report.add(runStart('r1', { user: 'ann' }));
    report.add(modelStep({ scopes: { user: 'ann' }, input: 3 }));
    for (const input of [1_000, 7]) report.add(modelStep({ scopes: { user: 'ben' }, input }));
    report.add(modelStep({ scopes: {}, input: 1 }));
    expect(report.rows().map(({ keys, nanoUsd, runs, modelCalls }) => [...keys, nanoUsd, runs, modelCalls])).toEqual([
      ['ben', costOf(1_007, 40), 0, 2],
      ['ann', costOf(3, 20), 1, 1],
      ['', costOf(1, 20), 0, 1],
    ]);
    expect(report.total()).toMatchObject({ nanoUsd: costOf(1_011, 80), runs: 1, modelCalls: 4, inputTokens: 1_011 });
  });

  it('splits by several keys at once, and by the hours of a time zone in their order', () => {
    const report = spendReport({ by: ['hour'], timeZone: 'Asia/Kolkata' });
    const both = spendReport({ by: ['model', 'day'] });
    for (const hour of [23, 1, 1]) for (const each of [report, both]) each.add(modelStep({ at: at(hour) }));
    expect(report.rows().map(({ keys, modelCalls }) => [keys[0], modelCalls])).toEqual([
      ['2026-01-15T06', 2],
      ['2026-01-16T04', 1],
    ]);
    expect(both.rows().map(({ keys }) => keys)).toEqual([['gpt-4o', '2026-01-15']]);
  });

  it('counts halts and loops, unpriced and estimated calls, and nothing for what was given back', () => {
    const report = spendReport({ by: ['user'] });
    report.add(halt('loop'));
    report.add(halt('budget'));
    report.add(modelStep({ scopes: { user: 'ann' }, priceSource: undefined, isEstimated: true, attempts: 2 }));
    report.add(modelStep({ scopes: { user: 'ann' }, outcome: 'released', used: {} }));
    expect(report.rows()).toMatchObject([{ keys: ['ann'], halts: 2, loops: 1, unpricedCalls: 2, estimatedSteps: 1, modelCalls: 1 }]);
  });

  it('refuses a time zone that does not exist', () => {
    expect(() => spendReport({ timeZone: 'Middle/Earth' })).toThrow(InvalidOptionError);
  });

  it('keeps no more rows than it may, and loses no money over it', () => {
    const report = spendReport({ by: ['user'], most: 2 });
    for (let user = 0; user < 5; user += 1) report.add(modelStep({ scopes: { user: `u${user}` } }));
    expect(report.rows().map(({ keys, modelCalls }) => [keys[0], modelCalls])).toEqual([
      ['_other', 3],
      ['u0', 1],
      ['u1', 1],
    ]);
    expect(report.total().nanoUsd).toBe(report.rows().reduce((sum, { nanoUsd }) => sum + nanoUsd, 0));
  });

  it('says how many entries the log lost', () => {
    const report = spendReport();
    report.add({ v: 1, at: 0, event: 'log:gap', entries: 7 });
    expect(report.lostEntries).toBe(7);
  });
});
