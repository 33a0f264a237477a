import { publicAmount } from '../core/budget.ts';
import type { DenialFacts, Halt } from '../core/halt.ts';
import type { Denial } from '../stores/store.ts';
import type { RunInfo } from './events.ts';

/** A refusal of the store, as facts for people. */
export function denialFacts(denial: Denial): DenialFacts {
  const { tenant, scope, id, dimension, resetsAt } = denial;
  const amount = (value: number): number => publicAmount(dimension, value);
  return {
    tenant,
    scope,
    id,
    dimension,
    limit: amount(denial.limit),
    used: amount(denial.settled),
    held: amount(denial.held),
    asked: amount(denial.asked),
    resetsAt,
  };
}

/** One sentence on a refusal: what, how much, when to come back. Ids stay in the facts. */
export function budgetReason({ scope, dimension, limit, used, held, asked, resetsAt }: DenialFacts): string {
  const shown = (amount: number): string => (dimension === 'usd' ? `$${Number(amount.toPrecision(6))}` : String(amount));
  const inFlight = held > 0 ? `, ${shown(held)} held by steps in flight` : '';
  const reset = resetsAt === null ? '' : `; it resets at ${new Date(resetsAt).toISOString()}`;
  return `${scope} budget exceeded: ${dimension} ${shown(used)} used${inFlight}, ${shown(asked)} asked, of ${shown(limit)}${reset}`;
}

/** How to give a model a price, for the error that says that it has none. */
export const unpricedReason = (model: string): string =>
  `no price is known for model "${model}", so its USD budget cannot be held; give one in USD per million tokens, ` +
  `createGuard({ prices: { ${JSON.stringify(model)}: { input: 1, output: 4 } } }), or let it pass uncounted with allowUnpriced: true`;

/** The part of a halt that its maker knows; the run adds who and when. */
export type HaltFacts = Pick<Halt, 'cause' | 'reason' | 'denial' | 'verdict' | 'input'> & { readonly step?: number };

/** A run that took longer than it may, as the facts of a halt. */
export function overTimeFacts({ tenant, id }: RunInfo, usedMs: number, limitMs: number): HaltFacts {
  const seconds = (ms: number): number => Math.round(ms / 100) / 10;
  const denial = {
    tenant,
    scope: 'run',
    id,
    dimension: 'duration',
    limit: limitMs,
    used: usedMs,
    held: 0,
    asked: 0,
    resetsAt: null,
  } as const;
  return { cause: 'deadline', reason: `run took ${seconds(usedMs)} s of the ${seconds(limitMs)} s that it may take`, denial };
}
