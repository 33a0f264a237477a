import { dimensions, type AccountReading, type Dimension } from 'holdfast';
import { policyName } from './problem.ts';

/** So many policies are told of at most: fields that grow with the configuration would be cut by servers on the way. */
const MOST_POLICIES = 12;

/** A structured field's integer has at most 15 digits (RFC 9651, 3.3.1). */
const MOST = 999_999_999_999_999;

/** Dollars are told in millionths: a structured field's quota is an integer. */
const MICRO_PER_USD = 1_000_000;

const units: Partial<Record<Dimension, string>> = {
  usd: 'micro-usd',
  tokens: 'tokens',
  inputTokens: 'tokens',
  outputTokens: 'tokens',
  reasoningTokens: 'tokens',
};

/**
 * The fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, as structured fields): a policy for
 * each limit of each account, named `{scope}-{dimension}`, and what is left of it. Empty where nothing is limited.
 *
 * @example rateLimitFields([await guard.read('user', 'u1')], Date.now())
 * // { 'ratelimit-policy': '"user-usd";q=500000;qu="micro-usd";w=86400', ratelimit: '"user-usd";r=120000;t=3600' }
 */
export function rateLimitFields(accounts: readonly AccountReading[], now: number): Record<string, string> {
  const limited = accounts.flatMap((account) =>
    dimensions.flatMap((dimension) => {
      const limit = account.limits[dimension];
      return limit === undefined ? [] : [{ account, dimension, limit, left: account.remaining[dimension] ?? 0 }];
    }),
  );
  if (limited.length === 0) return {};
  const told = limited.slice(0, MOST_POLICIES);
  const policies = told.map(({ account, dimension, limit }) => {
    const seconds = windowSeconds(account);
    const unit = units[dimension];
    return `"${nameOf(account, dimension)}";q=${whole(dimension, limit)}${unit ? `;qu="${unit}"` : ''}${seconds ? `;w=${seconds}` : ''}`;
  });
  const standing = told.map(({ account, dimension, left }) => {
    const { resetsAt } = account;
    const wait = resetsAt === null ? '' : `;t=${Math.max(0, Math.ceil((resetsAt - now) / 1000))}`;
    return `"${nameOf(account, dimension)}";r=${whole(dimension, left)}${wait}`;
  });
  return { 'ratelimit-policy': policies.join(', '), ratelimit: standing.join(', ') };
}

/** A scope's name is letters, digits, - and _ (the guard checks it), so it needs no escapes. */
const nameOf = ({ scope }: AccountReading, dimension: Dimension): string => policyName(scope, dimension);

/** Rounded down: what is told to be left is there. */
const whole = (dimension: Dimension, amount: number): number =>
  Math.min(MOST, Math.max(0, Math.floor(dimension === 'usd' ? amount * MICRO_PER_USD + 1e-6 : amount)));

const DAY_S = 86_400;
const HALF_DAY_MS = 43_200_000;
const unitSeconds: Readonly<Record<string, number>> = { minute: 60, hour: 3_600, day: DAY_S, week: 7 * DAY_S };

/** How long an account's window is; undefined for those without an end. */
function windowSeconds({ window, resetsAt }: AccountReading): number | undefined {
  const rolling = /^rolling-(\d+)ms$/.exec(window)?.[1];
  if (rolling !== undefined) return Math.max(1, Math.round(Number(rolling) / 1000));
  const unit = /^[a-z]+/.exec(window)?.[0] ?? '';
  if (unit !== 'month') return unitSeconds[unit];
  if (resetsAt === null) return undefined;
  const lastDay = new Date(resetsAt - HALF_DAY_MS);
  return new Date(Date.UTC(lastDay.getUTCFullYear(), lastDay.getUTCMonth() + 1, 0)).getUTCDate() * DAY_S;
}
