import type { ModelRates, PartialRates } from './rates.ts';

/** Tiers that cost what the price table says. */
const standardTiers = new Set(['default', 'auto', 'standard', 'standard_only', 'on_demand']);

/**
 * Factors for service tiers where the prices name none. Batch and flex cost half at OpenAI, Anthropic, Google and Bedrock
 * (each provider's price page); priority costs 1.67 to 2 times as much, so the larger is taken: a hold must be an upper bound.
 */
const usualFactors: Readonly<Record<string, number>> = { batch: 0.5, flex: 0.5, priority: 2 };

/** What a service tier changes in a model's rates, and a note for the report where that was not given but assumed. */
export function tierChanges(
  rates: ModelRates,
  serviceTier: string | undefined,
): { readonly changes: PartialRates & { factor?: number }; readonly note?: string } {
  if (serviceTier === undefined) return { changes: {} };
  const given = ownValue(rates.serviceTiers, serviceTier);
  if (typeof given === 'number') return { changes: { factor: given } };
  if (given !== undefined) return { changes: given };
  if (standardTiers.has(serviceTier)) return { changes: {} };
  const factor = ownValue(usualFactors, serviceTier);
  if (factor === undefined) return { changes: {}, note: 'service tier without a known price, standard price used' };
  return { changes: { factor }, note: `service tier ${serviceTier} at ${factor} times the standard price` };
}

const ownValue = <Value>(record: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
