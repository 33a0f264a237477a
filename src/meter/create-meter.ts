import { Tiktoken } from 'js-tiktoken/lite';
import type { ModelCall } from '../core/step.ts';
import { familyOf, isReasoningModel } from './families.ts';
import type { InputCount, Meter, ModelPrice } from './meter.ts';
import { entryFor } from './name-patterns.ts';
import type { MeterOptions } from './options.ts';
import { builtInPrices } from './prices/built-in-prices.ts';
import { modelPrice } from './prices/model-price.ts';
import { settleUsage } from './usage/settle-usage.ts';
import ranks from 'js-tiktoken/ranks/o200k_base';

let encoder: Tiktoken | undefined;
const count = (text: string): number => {
  if (text.length > 2_000) return Buffer.byteLength(text);
  encoder ??= new Tiktoken(ranks);
  return encoder.encode(text, [], []).length;
};

/** Makes the meter of one guard. */
export function createMeter(options: MeterOptions = {}): Meter {
  return {
    count(call) {
      const family = familyOf(call.model);
      const counted = rawCount(call);
      const likely = Math.ceil(counted * family.likelyFactor);
      const margin = options.margin ?? (family.isOwn ? 0.02 : 0.15);
      return { counted, likely, upper: Math.ceil(counted * family.factor * (1 + margin)) };
    },
    price: (model, { provider, serviceTier } = {}) => priceOf(options, model, provider, serviceTier),
    defaultOutputCap: (model) => options.maxOutputTokens ?? (isReasoningModel(model) ? 16_384 : 4_096),
    reasoningEstimate(call, cap) {
      if (call.reasoning?.maxTokens !== undefined) return Math.min(cap, call.reasoning.maxTokens);
      return isReasoningModel(call.model) && call.reasoning?.effort !== 'none' ? Math.ceil(cap / 2) : 0;
    },
    learn: () => undefined,
    outputCounter() {
      let text = '';
      return {
        push(delta) {
          text += delta;
          return count(text);
        },
        total: () => count(text),
      };
    },
    settleUsage,
  };
}

function rawCount(call: ModelCall): number {
  let counted = call.tools === undefined ? 3 : count(JSON.stringify(call.tools)) + 19;
  for (const message of call.messages ?? []) {
    counted += 3 + count(message.text) + (message.media?.length ?? 0) * 1_600;
    for (const { name, args } of message.toolCalls ?? []) counted += 8 + count(name) + count(JSON.stringify(args) ?? '');
  }
  return counted + (call.input === undefined ? 0 : count(call.input));
}

function priceOf(options: MeterOptions, model: string, provider?: string, serviceTier?: string): ModelPrice | undefined {
  const query = { model, provider, at: Date.now() };
  const given = typeof options.prices === 'function' ? options.prices(query) : options.prices && entryFor(options.prices, model);
  const found = given === undefined ? builtInPrices(query) : { rates: given, source: 'override' };
  return found && modelPrice(found, serviceTier);
}

export type { InputCount };
