import { describe, expect, it } from 'vitest';
import { isTimeZone, resolveWindow, stretchAt, windowName, type BudgetWindow } from '../../../src/core/window.ts';

const stretch = (window: BudgetWindow, now: string): string[] => {
  const { start, end } = stretchAt(resolveWindow(window), Date.parse(now));
  return [new Date(start).toISOString(), end === null ? 'never' : new Date(end).toISOString()];
};
const zoned = (every: 'minute' | 'hour' | 'day' | 'week' | 'month', timeZone: string): BudgetWindow => ({ every, timeZone });

describe('a window', () => {
  it('without a word lasts for ever', () => {
    expect(resolveWindow(undefined)).toEqual(resolveWindow('lifetime'));
    expect(stretch('lifetime', '2026-05-05T05:05:05Z')).toEqual(['1970-01-01T00:00:00.000Z', 'never']);
  });

  it.each<[name: string, window: BudgetWindow, now: string, start: string, end: string]>([
    ['a minute', 'minute', '2026-05-05T05:05:05.555Z', '2026-05-05T05:05:00.000Z', '2026-05-05T05:06:00.000Z'],
    ['an hour', 'hour', '2026-05-05T05:05:05Z', '2026-05-05T05:00:00.000Z', '2026-05-05T06:00:00.000Z'],
    [
      'an hour in a zone half an hour off',
      zoned('hour', 'Asia/Kolkata'),
      '2026-05-05T05:05:05Z',
      '2026-05-05T04:30:00.000Z',
      '2026-05-05T05:30:00.000Z',
    ],
    ['a day', 'day', '2026-12-31T23:59:59.999Z', '2026-12-31T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['a day of 25 hours', zoned('day', 'America/New_York'), '2026-11-01T12:00:00Z', '2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z'],
    [
      'a day that skips midnight',
      zoned('day', 'Africa/Cairo'),
      '2026-04-24T12:00:00Z',
      '2026-04-23T22:00:00.000Z',
      '2026-04-24T21:00:00.000Z',
    ],
    [
      'a week over a change of the clock',
      zoned('week', 'Europe/Berlin'),
      '2026-03-25T12:00:00Z',
      '2026-03-22T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ],
    ['a week over the end of a year', 'week', '2027-01-01T12:00:00Z', '2026-12-28T00:00:00.000Z', '2027-01-04T00:00:00.000Z'],
    [
      'a month of a zone ahead',
      zoned('month', 'Pacific/Auckland'),
      '2026-02-28T12:00:00Z',
      '2026-02-28T11:00:00.000Z',
      '2026-03-31T11:00:00.000Z',
    ],
    [
      'the day before a day that a country left out',
      zoned('day', 'Pacific/Apia'),
      '2011-12-30T09:00:00Z',
      '2011-12-29T10:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
    ],
    ['the day after it', zoned('day', 'Pacific/Apia'), '2011-12-30T11:00:00Z', '2011-12-30T10:00:00.000Z', '2011-12-31T10:00:00.000Z'],
    // The clock of Lord Howe goes back by half an hour: the half hour that comes twice counts apart.
    [
      'an hour before half an hour comes twice',
      zoned('hour', 'Australia/Lord_Howe'),
      '2026-04-04T14:40:00Z',
      '2026-04-04T14:00:00.000Z',
      '2026-04-04T15:00:00.000Z',
    ],
    [
      'the half hour that comes twice',
      zoned('hour', 'Australia/Lord_Howe'),
      '2026-04-04T15:10:00Z',
      '2026-04-04T15:00:00.000Z',
      '2026-04-04T15:30:00.000Z',
    ],
    // A minute after midnight the clock went back to 23:01: the new day had begun all the same.
    [
      'a day whose first minute comes twice',
      zoned('day', 'America/St_Johns'),
      '2010-11-07T03:00:00Z',
      '2010-11-07T02:30:00.000Z',
      '2010-11-08T03:30:00.000Z',
    ],
  ])('of %s is computed from the clock alone', (_name, window, now, start, end) => {
    expect(stretch(window, now)).toEqual([start, end]);
  });

  it('begins its weeks on the day that it is told', () => {
    const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
    // 14 January 2026 is a Wednesday.
    const starts = days.map((weekStart) => stretch({ every: 'week', weekStart }, '2026-01-14T12:00:00Z')[0]?.slice(8, 10));
    expect(starts).toEqual(['11', '12', '13', '14', '08', '09', '10']);
  });

  it('that rolls is split into sixty slots', () => {
    expect(stretch({ rolling: '1h' }, '2026-05-05T05:05:05Z')).toEqual(['2026-05-05T05:05:00.000Z', '2026-05-05T05:06:00.000Z']);
    expect(resolveWindow({ rolling: '90m' })).toEqual({ kind: 'rolling', lengthMs: 5_400_000, slotMs: 90_000 });
    expect(resolveWindow({ rolling: '5ms' })).toMatchObject({ slotMs: 1 });
  });

  it('has the same name as another exactly when both count over the same stretches', () => {
    const windows: BudgetWindow[] = [
      'lifetime',
      'minute',
      'day',
      'week',
      zoned('day', 'Europe/Berlin'),
      zoned('week', 'Europe/Berlin'),
      { every: 'week', weekStart: 'sunday' },
      { rolling: '24h' },
      { rolling: '1h' },
    ];
    const names = windows.map((window) => windowName(resolveWindow(window)));
    expect(new Set(names).size).toBe(windows.length);
    expect(windowName(resolveWindow({ every: 'day' }))).toBe(windowName(resolveWindow('day')));
    expect(windowName(resolveWindow({ rolling: '1d' }))).toBe(windowName(resolveWindow({ rolling: '24h' })));
    expect(windowName(resolveWindow({ every: 'day', weekStart: 'sunday' }))).toBe(windowName(resolveWindow('day')));
  });
});

describe('isTimeZone', () => {
  it('knows zones and nothing else', () => {
    expect(['UTC', 'Europe/Berlin', 'Asia/Kathmandu'].filter(isTimeZone)).toEqual(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']);
    expect(['Mars/Olympus', '', 'Berlin'].filter(isTimeZone)).toEqual([]);
  });
});
