import type { ModelRates } from './rates.ts';

/** A price in the table: a number, or a base with tiers above a size of the input. Checked here, because a refreshed table is foreign data. */
const rateKeys = {
  input_mtok: 'input',
  cache_read_mtok: 'cachedInput',
  cache_write_mtok: 'cacheWrite',
  cache_write_1h_mtok: 'longCacheWrite',
  input_audio_mtok: 'audioInput',
  output_mtok: 'output',
  output_reasoning_mtok: 'reasoning',
  output_audio_mtok: 'audioOutput',
} as const;

type RateName = (typeof rateKeys)[keyof typeof rateKeys];

/**
 * Rates from an entry of the price table, or undefined where the entry has no price for tokens (models that are billed
 * by the second, the image or the page): such a model is unpriced, never free.
 */
export function ratesFromEntry(entry: Readonly<Record<string, unknown>>): ModelRates | undefined {
  const base: { [N in RateName]?: number } = {};
  const tiers = new Map<number, { above: number } & { [N in RateName]?: number }>();
  for (const [key, name] of Object.entries(rateKeys)) {
    const price = readPrice(name === 'output' ? dearestOutput(entry) : entry[key]);
    if (price === undefined) continue;
    base[name] = price.base;
    for (const { start, price: rate } of price.tiers) {
      const tier = tiers.get(start) ?? { above: start };
      tier[name] = rate;
      tiers.set(start, tier);
    }
  }
  if (base.input === undefined && base.output === undefined) return undefined;
  const perThousandCalls = readPrice(entry['requests_kcount'])?.base;
  return {
    ...base,
    input: base.input ?? 0,
    output: base.output ?? 0,
    ...(tiers.size > 0 ? { tiers: [...tiers.values()].toSorted((a, b) => a.above - b.above) } : {}),
    ...(perThousandCalls === undefined ? {} : { perCall: perThousandCalls / 1000 }),
  };
}

/** Of a model that makes pictures or films: usage does not tell their tokens from those of text, so all are billed as the dearest. */
function dearestOutput({
  output_mtok: text,
  output_image_mtok: image,
  output_video_mtok: video,
}: Readonly<Record<string, unknown>>): unknown {
  const baseOf = (price: unknown): number => readPrice(price)?.base ?? 0;
  return [image, video].reduce((dearest, price) => (baseOf(price) > baseOf(dearest) ? price : dearest), text);
}

interface TieredPrice {
  readonly base: number;
  readonly tiers: readonly { readonly start: number; readonly price: number }[];
}

function readPrice(value: unknown): TieredPrice | undefined {
  if (isRate(value)) return { base: value, tiers: [] };
  if (typeof value !== 'object' || value === null) return undefined;
  const { base, tiers } = value as { base?: unknown; tiers?: unknown };
  if (!isRate(base) || !Array.isArray(tiers)) return undefined;
  return { base, tiers: tiers.filter(isTier) };
}

const isRate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;

const isTier = (tier: { start?: unknown; price?: unknown }): tier is { start: number; price: number } =>
  isRate(tier?.start) && isRate(tier?.price);
