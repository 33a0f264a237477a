import type { MediaView } from '../../core/step.ts';
import { perModel } from '../per-model.ts';

/** An estimate in the model's own tokens: what to expect, and what it will not exceed. */
export interface Estimate {
  readonly likely: number;
  readonly upper: number;
}

type ImageView = Extract<MediaView, { kind: 'image' }>;

interface Size {
  readonly width: number;
  readonly height: number;
}

type ImageRule = (image: ImageView) => Estimate;

const exactly = (tokens: number): Estimate => ({ likely: tokens, upper: tokens });

/** The size that a picture of unknown size is expected to have: a screenshot or a photo as hosts send them. */
const USUAL: Size = { width: 1024, height: 1024 };

const sizeOf = ({ width, height }: ImageView): Size | undefined => (isLength(width) && isLength(height) ? { width, height } : undefined);

const isLength = (pixels: number | undefined): pixels is number => pixels !== undefined && Number.isFinite(pixels) && pixels > 0;

/** A rule from the tokens of a size; an unknown size costs what the largest costs, and is expected to be usual. */
const bySize =
  (tokensFor: (size: Size) => number, largest: number): ImageRule =>
  (image) => {
    const size = sizeOf(image);
    return size === undefined ? { likely: tokensFor(USUAL), upper: largest } : exactly(tokensFor(size));
  };

const shrunk = ({ width, height }: Size, scale: number): Size =>
  scale >= 1 ? { width, height } : { width: width * scale, height: height * scale };

/**
 * OpenAI's tiles: the picture is fitted into 2,048 pixels, then its shorter side to 768, and each tile of 512 pixels costs.
 * `low` detail costs the base alone. (platform.openai.com/docs/guides/images-vision, "Calculating costs"; recorded bills of
 * gpt-4o and gpt-4o-mini agree exactly.)
 */
const tiles = (base: number, perTile: number): ImageRule => {
  const tokensFor = (size: Size): number => {
    const fitted = shrunk(size, 2048 / Math.max(size.width, size.height));
    const { width, height } = shrunk(fitted, 768 / Math.min(fitted.width, fitted.height));
    return base + perTile * Math.ceil(width / 512) * Math.ceil(height / 512);
  };
  const anySize = bySize(tokensFor, base + 8 * perTile);
  return (image) => (image.detail === 'low' ? exactly(base) : anySize(image));
};

/** OpenAI's patches of 32 pixels, at most 1,536 of them, times the model's multiplier (the same page). */
const patches = (multiplier: number): ImageRule => {
  const most = 1536;
  const tokensFor = ({ width, height }: Size): number =>
    Math.ceil(Math.min(most, Math.ceil(width / 32) * Math.ceil(height / 32)) * multiplier);
  return bySize(tokensFor, Math.ceil(most * multiplier));
};

/** Anthropic: width × height / 750 after the longer side is fitted into `longest` pixels (docs.claude.com, "Vision"). */
const byArea = (longest: number, largest: number): ImageRule =>
  bySize((size) => {
    const { width, height } = shrunk(size, longest / Math.max(size.width, size.height));
    return Math.min(largest, Math.ceil((width * height) / 750));
  }, largest);

const geminiTokens = ({ width, height }: Size, unit: number): number =>
  Math.max(width, height) <= 384 ? 258 : 258 * Math.ceil(width / unit) * Math.ceil(height / unit);

/**
 * Gemini 2: 258 up to 384 pixels, else 258 for each tile. Google says in one place that a tile has 768 pixels (ai.google.dev,
 * "Understand and count tokens") and in another that it has the shorter side by 1.5, from 256 to 768 pixels ("Image understanding"):
 * the one is expected, the dearer held. At most 6,000 pixels are assumed.
 */
const geminiTiles: ImageRule = (image) => {
  const size = sizeOf(image);
  if (size === undefined) return { likely: geminiTokens(USUAL, 768), upper: 258 * 8 * 8 };
  const unit = Math.min(768, Math.max(256, Math.floor(Math.min(size.width, size.height) / 1.5)));
  return { likely: geminiTokens(size, 768), upper: geminiTokens(size, unit) };
};

/** Models without a rule of their own: most charge below 1,600 tokens; 3,000 is the flat ceiling. */
const flat: ImageRule = () => ({ likely: 1_000, upper: 3_000 });

const rules: readonly { readonly matches: RegExp; readonly rule: ImageRule }[] = [
  { matches: /gpt-4o-mini/, rule: tiles(2_833, 5_667) },
  { matches: /gpt-4\.1-mini|gpt-5-mini/, rule: patches(1.62) },
  { matches: /gpt-4\.1-nano|gpt-5-nano/, rule: patches(2.46) },
  { matches: /o4-mini/, rule: patches(1.72) },
  { matches: /gpt-4o|gpt-4\.[15]|gpt-4-turbo|gpt-4-vision|chatgpt-4o/, rule: tiles(85, 170) },
  { matches: /gpt-5(-chat)?(-2025.*)?$/, rule: tiles(70, 140) },
  { matches: /(^|[/.:-])o[13](-|$|:)/, rule: tiles(75, 150) },
  { matches: /claude-(opus|sonnet|haiku|fable|mythos)-(4[-.][7-9]|[5-9])|claude-[5-9]/, rule: byArea(2_576, 4_784) },
  { matches: /claude/, rule: byArea(1_568, 1_640) },
  { matches: /gemini-[12]/, rule: geminiTiles },
  { matches: /gemini/, rule: () => ({ likely: 1_120, upper: 2_240 }) },
];

/** The tokens of a picture. Its bytes never count as text, whatever way it is sent. */
export const imageTokens = (model: string, image: ImageView): Estimate => ruleOf(model)(image);

const ruleOf: (model: string) => ImageRule = perModel((model) => {
  const name = model.toLowerCase();
  return rules.find(({ matches }) => matches.test(name))?.rule ?? flat;
});
