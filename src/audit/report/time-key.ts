import { InvalidOptionError } from '../../core/errors.ts';

/** The stretches of time that a report can be split by. */
export const timeUnits = ['minute', 'hour', 'day', 'month'] as const;
export type TimeUnit = (typeof timeUnits)[number];

const lengths: Readonly<Record<TimeUnit, number>> = { month: 7, day: 10, hour: 13, minute: 16 };
const MINUTE_MS = 60_000;
const REMEMBERED = 4_096;

/**
 * Names the minute, hour, day or month of a moment in a time zone: `2026-01-15T12:30`, `2026-01-15T12`, `2026-01-15`, `2026-01`.
 * Where the clock is put back, both hours have one name.
 *
 * @throws InvalidOptionError for a time zone that does not exist
 */
export function timeKey(timeZone: string): (at: number, unit: TimeUnit) => string {
  const format = formatIn(timeZone);
  // Formatting takes some microseconds, and the entries of a minute come together.
  const known = new Map<number, string>();
  return (at, unit) => {
    const minute = Math.floor(at / MINUTE_MS);
    let name = known.get(minute);
    if (name === undefined) {
      name = format.format(minute * MINUTE_MS).replace(' ', 'T');
      if (known.size >= REMEMBERED) known.clear();
      known.set(minute, name);
    }
    return name.slice(0, lengths[unit]);
  };
}

function formatIn(timeZone: string): Intl.DateTimeFormat {
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const;
  try {
    return new Intl.DateTimeFormat('sv-SE', { timeZone, ...parts });
  } catch {
    const message = 'expected the IANA name of a time zone, such as "Europe/Berlin"';
    throw new InvalidOptionError('options of a report', [{ path: 'timeZone', message, value: timeZone }]);
  }
}
