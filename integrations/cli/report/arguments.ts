import { parseArgs } from 'node:util';
import type { ReportKey } from 'holdfast';
import { UsageError } from '../usage-error.ts';

/** What the command line asks for. */
export interface ReportArguments {
  readonly files: readonly string[];
  readonly by: readonly ReportKey[];
  readonly format: 'table' | 'csv' | 'json';
  readonly isFindings: boolean;
  readonly timeZone: string;
  readonly from: number;
  readonly to: number;
  readonly most: number;
  readonly pricesFile: string | undefined;
}

export const knownKeys: readonly string[] = ['user', 'feature', 'model', 'tenant', 'session', 'agent', 'minute', 'hour', 'day', 'month'];

export function readArguments(args: readonly string[]): ReportArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      by: { type: 'string' },
      csv: { type: 'boolean' },
      json: { type: 'boolean' },
      findings: { type: 'boolean' },
      'time-zone': { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      top: { type: 'string' },
      prices: { type: 'string' },
    },
  });
  if (positionals.length === 0) throw new UsageError('name at least one audit log');
  if (values.csv && values.json) throw new UsageError('--csv and --json are two answers; ask for one');
  if (values.csv && values.findings) throw new UsageError('findings come as text or with --json');
  const by = (values.by ?? (values.findings ? '' : 'feature')).split(',').filter((key) => key !== '');
  for (const key of by) {
    if (!/^[A-Za-z][\w-]{0,63}$/.test(key))
      throw new UsageError(`--by takes names such as ${knownKeys.join(', ')}, or a scope of yours; got "${key}"`);
  }
  const zone = timeZone(values['time-zone']);
  return {
    files: positionals,
    by,
    format: values.json ? 'json' : values.csv ? 'csv' : 'table',
    isFindings: values.findings === true,
    timeZone: zone,
    from: moment('from', values.from, zone) ?? Number.NEGATIVE_INFINITY,
    to: moment('to', values.to, zone) ?? Number.POSITIVE_INFINITY,
    most: count('top', values.top) ?? Number.POSITIVE_INFINITY,
    pricesFile: values.prices,
  };
}

/** A date, or a date and a time, that says nothing of its zone. */
const wallClock = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$/;

function moment(name: string, text: string | undefined, zone: string): number | undefined {
  if (text === undefined) return undefined;
  const isWall = wallClock.test(text);
  const at = Date.parse(isWall && text.includes('T') ? `${text}Z` : text);
  if (Number.isNaN(at))
    throw new UsageError(`--${name} must be a date such as 2026-01-15 or 2026-01-15T12:00Z, got ${JSON.stringify(text)}`);
  return isWall ? atWallClock(at, zone) : at;
}

/** When the clocks of a zone show what those of UTC show at `utc`. */
function atWallClock(utc: number, zone: string): number {
  const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const aheadAt = (at: number): number => Date.parse(`${shown.format(at).replace(' ', 'T')}Z`) - Math.floor(at / 1_000) * 1_000;
  // The zone's offset is that of the moment itself, which is known but for that offset: it changes twice a year.
  return utc - aheadAt(utc - aheadAt(utc));
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`--${name} must be a whole number of 1 or more, got ${JSON.stringify(text)}`);
  return value;
}

function timeZone(name = 'UTC'): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw new UsageError(`--time-zone must be an IANA name such as Europe/Berlin, got ${JSON.stringify(name)}`);
  }
}
