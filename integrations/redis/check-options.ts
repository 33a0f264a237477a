import { dimensions, durationMs, InvalidOptionError, type Duration } from 'holdfast';
import { isRedisClient } from './clients.ts';
import type { LeaseOptions } from './lease-terms.ts';

/** Refuses a client and options that cannot be used. @throws InvalidOptionError with all that is wrong */
export function checkOptions(
  client: unknown,
  { prefix, ...durations }: { prefix: string; retention: string; remember: string },
  times: Readonly<Record<string, number>>,
  lease: LeaseOptions | undefined,
): void {
  const issues: { path: string; message: string; value: unknown }[] = [];
  const problem = (path: string, value: unknown, message: string): void => void issues.push({ path, message, value });
  if (typeof client === 'string' && !/^rediss?:\/\//.test(client)) problem('client', 'a text', "must begin with 'redis://' or 'rediss://'");
  if (typeof client !== 'string' && !isRedisClient(client))
    problem('client', typeof client, 'must be a client of ioredis or node-redis, or a URL');
  if (!/^[\w.:-]{1,64}$/.test(prefix)) problem('prefix', prefix, 'must be 1 to 64 letters, digits or . : _ -');
  for (const [name, value] of Object.entries(durations)) {
    if (!(durationMs(value as Duration) > 0)) problem(name, value, "must be a duration such as '5m' or '30d'");
  }
  for (const [name, value] of Object.entries(times)) {
    const least = name === 'settleWithinMs' ? 0 : 1;
    if (!(value >= least && value <= 60_000)) problem(name, value, `must be a number of milliseconds from ${least} to 60,000`);
  }
  for (const [name, value] of Object.entries(lease ?? {})) {
    const isKnown = (dimensions as readonly string[]).includes(name);
    if (name === 'for' && !(durationMs(value as Duration) > 0)) problem('lease.for', value, "must be a duration such as '5s'");
    if (name === 'scopes' && !Array.isArray(value)) problem('lease.scopes', typeof value, 'must be a list of scopes');
    if (isKnown && !(typeof value === 'number' && value > 0)) problem(`lease.${name}`, value, 'must be a number above 0');
    if (!isKnown && name !== 'for' && name !== 'scopes') problem(`lease.${name}`, value, 'is no dimension; take usd, tokens, steps …');
  }
  if (issues.length > 0) throw new InvalidOptionError('redisStore', issues);
}
