import { countTokens, dimensions, type AccountReading, type DenialFacts, type Dimension } from 'holdfast';
import type { GatedGuard, Scopes } from './options.ts';

/** The scopes that every guard knows and that have accounts of their own; those of the user's are known by their ids. */
const sharedScopes = ['global', 'tenant', 'user', 'feature', 'session'] as const;

/**
 * The limited accounts on which a request draws. Empty where the store does not answer: the steps inside the run then meet
 * the guard's own policy for that.
 */
export async function accountsFor(guard: GatedGuard, scopes: Scopes): Promise<readonly AccountReading[]> {
  const tenant = idOf(scopes['tenant']);
  const names = new Set<string>([...sharedScopes, ...Object.keys(scopes)]);
  const read = (scope: string): Promise<AccountReading> =>
    guard.read(scope, scope === 'global' ? undefined : idOf(scopes[scope]), tenant === undefined ? {} : { tenant });
  const readings = await Promise.allSettled([...names].map(read));
  return readings.flatMap((reading) =>
    reading.status === 'fulfilled' && Object.keys(reading.value.limits).length > 0 ? [reading.value] : [],
  );
}

const idOf = (id: string | number | undefined): string | undefined => (id === undefined || id === '' ? undefined : String(id));

/** What any request needs at the least: one model call that reads the body and says something. */
const leastAsked = (inputTokens: number): Partial<Record<Dimension, number>> => ({
  steps: 1,
  modelCalls: 1,
  inputTokens,
  tokens: inputTokens + 1,
  outputTokens: 1,
  // Its price is known only with its model: the least amount that is counted stands for it.
  usd: 1e-9,
});

/** How full the fullest account is with what the request needs, and the first that has no room for it. */
export function standingOf(
  accounts: readonly AccountReading[],
  inputTokens: number,
): { readonly pressure: number; readonly denial: DenialFacts | undefined } {
  const asked = leastAsked(inputTokens);
  let pressure = 0;
  let denial: DenialFacts | undefined;
  for (const { tenant, scope, id, limits, used, held, remaining, resetsAt } of accounts) {
    for (const dimension of dimensions) {
      const limit = limits[dimension];
      const need = asked[dimension];
      if (limit === undefined || need === undefined) continue;
      const left = remaining[dimension] ?? 0;
      pressure = Math.max(pressure, limit > 0 ? (limit - left + need) / limit : 1);
      if (left >= need) continue;
      const facts = { tenant, scope, id, dimension, limit, used: used[dimension], held: held[dimension], asked: need, resetsAt };
      // Of several, the one for which the wait is longest: who comes back then is let in.
      denial = denial && waits(denial) >= waits(facts) ? denial : facts;
    }
  }
  return { pressure, denial };
}

const waits = ({ resetsAt }: DenialFacts): number => resetsAt ?? Infinity;

/** Whether a count of the body's tokens is of any use for these accounts. */
export const limitsInput = (accounts: readonly AccountReading[]): boolean =>
  accounts.some(({ limits }) => limits.tokens !== undefined || limits.inputTokens !== undefined);

/** Tokens of a text; counting stops above `limit`, and the answer is then only known to be larger. */
export const tokensOf = (text: string, model: string, limit: number | undefined, signal: AbortSignal): Promise<number> =>
  countTokens(text, { model, signal, ...(limit === undefined ? {} : { limit }) });
