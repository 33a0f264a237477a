import type { ModelPrice } from '../../meter/meter.ts';
import { costOfPart } from '../../meter/prices/part-cost.ts';
import type { StepEndEntry } from '../log/entry.ts';

/** What a part of a step's tokens cost, in nano-dollars. */
export type PartCost = (step: StepEndEntry, part: { readonly inputTokens?: number; readonly outputTokens?: number }) => number;

/** Costs parts by the model's price, scaled to what was really booked. */
export const partCost =
  (priceOf: (model: string) => ModelPrice | undefined): PartCost =>
  ({ name, used, usage }, part) =>
    usage ? costOfPart(priceOf(name), usage, used.nanoUsd ?? 0, part) : 0;
