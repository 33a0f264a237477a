import type { AccountReading, Guard, Run } from 'holdfast';
import { rateLimitFields } from 'holdfast/http';
import type { HeaderList } from './upstream.ts';

/** What is left of the budgets that a run draws on, as fields for its client: as it stood not long ago, and no store waited for. */
export type ToldLimits = (run: Run) => { readonly fields: HeaderList };

/** Fields are a hint: they need not be read for each of many requests in a second. */
const FRESH_MS = 1_000;
/** For so many owners what was read is kept; the oldest are read anew. */
const KEPT_MAX = 1_000;

interface Told {
  fields: HeaderList;
  /** When it was read last, or is being read. */
  at: number;
}

/** `scopes` are those that have budgets. A run's own budget is no policy that a client could wait for. */
export function toldLimits(guard: Guard<string>, scopes: ReadonlySet<string>): ToldLimits {
  const names = [...scopes].filter((scope) => scope !== 'run');
  const known = new Map<string, Told>();

  async function read({ scopes: ids, tenant }: Run): Promise<HeaderList> {
    const reading = (scope: string): Promise<AccountReading> =>
      guard.read(scope, scope === 'global' ? undefined : ids[scope], ids['tenant'] === undefined ? {} : { tenant });
    const readings = await Promise.allSettled(names.map(reading));
    const accounts = readings.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    return Object.entries(rateLimitFields(accounts, Date.now())).flat();
  }

  const keyOf = ({ scopes: ids }: Run): string => names.map((name) => ids[name] ?? '').join('\n');

  return (run) => {
    const key = `${run.tenant}\n${keyOf(run)}`;
    const now = Date.now();
    let told = known.get(key);
    if (told && now - told.at < FRESH_MS) return told;
    if (!told) {
      told = { fields: [], at: now };
      known.set(key, told);
      for (const oldest of known.keys()) {
        if (known.size <= KEPT_MAX) break;
        known.delete(oldest);
      }
    }
    const reading = told;
    reading.at = now;
    read(run).then(
      (fields) => void (reading.fields = fields),
      () => {},
    );
    return reading;
  };
}
