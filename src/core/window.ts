import { durationMs, type Duration } from './duration.ts';

/** The calendar units that a budget's window can have. */
export const calendarUnits = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type CalendarUnit = (typeof calendarUnits)[number];

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
export type Weekday = (typeof weekdays)[number];

/**
 * The stretch of time over which a budget counts.
 * - absent or `'lifetime'`: for ever
 * - `'day'`, or `{ every: 'day', timeZone: 'Europe/Berlin' }`: calendar units; UTC and weeks from Monday unless said otherwise
 * - `{ rolling: '24h' }`: the last 24 hours, at any moment
 */
export type BudgetWindow =
  | 'lifetime'
  | CalendarUnit
  | { readonly every: CalendarUnit; readonly timeZone?: string; readonly weekStart?: Weekday }
  | { readonly rolling: Duration };

/** A window's stretch `[start, end)` in milliseconds since the epoch; `end` is null where it never ends. */
export interface Stretch {
  readonly start: number;
  readonly end: number | null;
}

/** A window that is ready for arithmetic. Rolling ones are split into slots; a slot counts while any part of it is inside. */
export type ResolvedWindow =
  | { readonly kind: 'lifetime' }
  | { readonly kind: 'calendar'; readonly unit: CalendarUnit; readonly timeZone: string; readonly weekStart: number }
  | { readonly kind: 'rolling'; readonly lengthMs: number; readonly slotMs: number };

/** Into how many slots a rolling window is split: it may count up to 1/60 of its length too long, never too short. */
const ROLLING_SLOTS = 60;

export function resolveWindow(window: BudgetWindow | undefined): ResolvedWindow {
  if (window === undefined || window === 'lifetime') return { kind: 'lifetime' };
  if (typeof window === 'object' && 'rolling' in window) {
    const lengthMs = durationMs(window.rolling);
    return { kind: 'rolling', lengthMs, slotMs: Math.max(1, Math.ceil(lengthMs / ROLLING_SLOTS)) };
  }
  const { every, timeZone = 'UTC', weekStart = 'monday' } = typeof window === 'string' ? { every: window } : window;
  return { kind: 'calendar', unit: every, timeZone, weekStart: weekdays.indexOf(weekStart) };
}

/** A stable text for a window: two budgets with the same one count over the same stretches. */
export function windowName(window: ResolvedWindow): string {
  if (window.kind === 'lifetime') return 'lifetime';
  if (window.kind === 'rolling') return `rolling-${window.lengthMs}ms`;
  const zone = window.timeZone === 'UTC' ? '' : `@${window.timeZone}`;
  return window.unit === 'week' ? `week-${weekdays[window.weekStart]}${zone}` : `${window.unit}${zone}`;
}

/**
 * The stretch in which a step at `now` counts: the calendar unit around it, for ever, or a rolling window's slot.
 * Computed from the clock alone; nothing is ever reset.
 */
export function stretchAt(window: ResolvedWindow, now: number): Stretch {
  if (window.kind === 'lifetime') return { start: 0, end: null };
  if (window.kind === 'rolling') {
    const start = now - (now % window.slotMs);
    return { start, end: start + window.slotMs };
  }
  return calendarStretch(window, now);
}

const DAY_MS = 86_400_000;
const fixedUnitMs: Partial<Record<CalendarUnit, number>> = { minute: 60_000, hour: 3_600_000, day: DAY_MS };

/** Remembers the last stretch of each calendar window: nearly every step falls into the same one. */
const remembered = new Map<string, Stretch>();
const REMEMBERED_WINDOWS_MAX = 64;

function calendarStretch(window: Extract<ResolvedWindow, { kind: 'calendar' }>, now: number): Stretch {
  const name = windowName(window);
  const known = remembered.get(name);
  if (known && known.end !== null && now >= known.start && now < known.end) return known;
  const stretch = computeCalendarStretch(window, now);
  if (remembered.size >= REMEMBERED_WINDOWS_MAX) remembered.clear();
  remembered.set(name, stretch);
  return stretch;
}

function computeCalendarStretch(window: Extract<ResolvedWindow, { kind: 'calendar' }>, now: number): Stretch {
  const { unit, timeZone } = window;
  const fixed = fixedUnitMs[unit];
  if (fixed !== undefined && timeZone === 'UTC') {
    const start = Math.floor(now / fixed) * fixed;
    return { start, end: start + fixed };
  }
  return unit === 'minute' || unit === 'hour' ? clockStretch(timeZone, fixed ?? 0, now) : dayStretch(window, now);
}

/** A minute or an hour of a zone's clock. Where the clock is put forward or back in the middle of one, the two pieces count apart. */
function clockStretch(timeZone: string, lengthMs: number, now: number): Stretch {
  const offset = offsetAt(timeZone, now);
  const start = Math.floor((now + offset) / lengthMs) * lengthMs - offset;
  const end = start + lengthMs;
  return {
    start: offsetAt(timeZone, start) === offset ? start : offsetChange(timeZone, start, now),
    end: offsetAt(timeZone, end - 1) === offset ? end : offsetChange(timeZone, now, end - 1),
  };
}

/** The first moment after `from` at which the offset of `to` holds. */
function offsetChange(timeZone: string, from: number, to: number): number {
  const wanted = offsetAt(timeZone, to);
  let [before, after] = [from, to];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(timeZone, middle) === wanted) after = middle;
    else before = middle;
  }
  return after;
}

/** A day, a week or a month of a zone's calendar. */
function dayStretch({ unit, timeZone, weekStart }: Extract<ResolvedWindow, { kind: 'calendar' }>, now: number): Stretch {
  const local = new Date(now + offsetAt(timeZone, now));
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  const intoWeek = (local.getUTCDay() - weekStart + 7) % 7;
  const boundary = (units: number): number => {
    if (unit === 'month') return midnight(timeZone, year, month + units, 1);
    return midnight(timeZone, year, month, unit === 'week' ? day - intoWeek + 7 * units : day + units);
  };
  const [start, end] = [boundary(0), boundary(1)];
  // Where a clock put back just after midnight shows the old day again, the new day has begun all the same.
  return now < end ? { start, end } : { start: end, end: boundary(2) };
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterFor(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timeZone, formatter);
  }
  return formatter;
}

/** How far a zone's clock is ahead of UTC at a moment, in milliseconds. */
function offsetAt(timeZone: string, moment: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterFor(timeZone).formatToParts(moment)) parts[type] = Number(value);
  const part = (name: string): number => parts[name] ?? 0;
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(moment / 1000) * 1000;
}

/**
 * The first moment of a local day (months from 0; out-of-range days and months roll over). Days that skip midnight begin later.
 * An offset is below a day either way, so the day begins under the offset that holds a day before or a day after it.
 */
function midnight(timeZone: string, year: number, month: number, day: number): number {
  const wanted = Date.UTC(year, month, day);
  const candidates = [-DAY_MS, DAY_MS].map((distance) => wanted - offsetAt(timeZone, wanted + distance));
  const onDay = candidates.filter((moment) => moment + offsetAt(timeZone, moment) >= wanted);
  return onDay.length > 0 ? Math.min(...onDay) : Math.max(...candidates);
}

/** Whether `Intl` knows a time zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    formatterFor(timeZone);
    return true;
  } catch {
    return false;
  }
}
