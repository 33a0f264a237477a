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
  return {
    files: positionals,
    by,
    format: values.json ? 'json' : values.csv ? 'csv' : 'table',
    isFindings: values.findings === true,
    timeZone: timeZone(values['time-zone']),
    from: moment('from', values.from) ?? Number.NEGATIVE_INFINITY,
    to: moment('to', values.to) ?? Number.POSITIVE_INFINITY,
    most: count('top', values.top) ?? Number.POSITIVE_INFINITY,
    pricesFile: values.prices,
  };
}

function moment(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new UsageError(`--${name} must be a date such as 2026-01-15 or 2026-01-15T12:00Z, got ${JSON.stringify(text)}`);
  return at;
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
