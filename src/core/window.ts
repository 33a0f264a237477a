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

const fixedUnitMs: Partial<Record<CalendarUnit, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

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

function computeCalendarStretch({ unit, timeZone, weekStart }: Extract<ResolvedWindow, { kind: 'calendar' }>, now: number): Stretch {
  const fixed = fixedUnitMs[unit];
  if (fixed !== undefined && timeZone === 'UTC') {
    const start = Math.floor(now / fixed) * fixed;
    return { start, end: start + fixed };
  }
  const local = localParts(timeZone, now);
  if (unit === 'minute' || unit === 'hour') {
    // Offsets of zones are whole minutes (some are not whole hours), so the start is found by walking back from now.
    const intoUnit = (unit === 'hour' ? local.minute * 60_000 : 0) + local.second * 1000 + local.millisecond;
    return { start: now - intoUnit, end: now - intoUnit + (fixed ?? 0) };
  }
  const firstDay = (() => {
    if (unit === 'day') return { ...local };
    if (unit === 'month') return { ...local, day: 1 };
    const weekday = new Date(Date.UTC(local.year, local.month - 1, local.day)).getUTCDay();
    return { ...local, day: local.day - ((weekday - weekStart + 7) % 7) };
  })();
  const span = unit === 'month' ? { months: 1, days: 0 } : { months: 0, days: unit === 'week' ? 7 : 1 };
  return {
    start: midnight(timeZone, firstDay.year, firstDay.month, firstDay.day),
    end: midnight(timeZone, firstDay.year, firstDay.month + span.months, firstDay.day + span.days),
  };
}

interface LocalParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
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

function localParts(timeZone: string, now: number): LocalParts {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterFor(timeZone).formatToParts(now)) parts[type] = Number(value);
  const part = (name: string): number => parts[name] ?? 0;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
    millisecond: ((now % 1000) + 1000) % 1000,
  };
}

/** The first moment of a local day (out-of-range days and months roll over). Days that skip midnight begin later. */
function midnight(timeZone: string, year: number, month: number, day: number): number {
  const wanted = Date.UTC(year, month - 1, day);
  // An offset is below 15 hours either way; the local day begins at one of the moments where the offset before or after a change applies.
  const offsetAt = (moment: number): number => {
    const local = localParts(timeZone, moment);
    const asUtc = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second);
    return asUtc - Math.floor(moment / 1000) * 1000;
  };
  const candidates = [wanted - offsetAt(wanted - 86_400_000), wanted - offsetAt(wanted + 86_400_000)];
  const isOnDay = (moment: number): boolean => moment + offsetAt(moment) >= wanted;
  const valid = candidates.filter(isOnDay).sort((a, b) => a - b);
  return valid[0] ?? Math.max(...candidates);
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
