import { expect, test } from 'vitest';
import type { MediaView } from '../../../../src/core/step.ts';
import { mediaTokens } from '../../../../src/meter/media/media-tokens.ts';

const image = (width: number, height: number, detail?: 'low' | 'high'): MediaView => ({
  kind: 'image',
  width,
  height,
  ...(detail ? { detail } : {}),
});

test.each<[string, MediaView, number]>([
  // 268, 438, 778 and 1,118 tokens were billed for these with 13 tokens of text.
  ['gpt-4o', image(512, 512), 255],
  ['gpt-4o', image(512, 1024), 425],
  ['gpt-4o', image(1024, 1024), 765],
  ['gpt-4o', image(1024, 1536), 1_105],
  ['gpt-4o', image(4096, 8192, 'low'), 85],
  // 8,513 and 25,514 were billed for these.
  ['gpt-4o-mini', image(512, 512), 8_500],
  ['gpt-4o-mini', image(1024, 1024), 25_501],
  ['gpt-4.1-mini', image(1024, 1024), Math.ceil(1024 * 1.62)],
  ['gpt-4.1-mini', image(4096, 4096), Math.ceil(1536 * 1.62)],
  ['claude-sonnet-4-5', image(200, 200), 54],
  ['claude-sonnet-4-5', image(1092, 1092), 1_590],
  ['claude-sonnet-4-5', image(8000, 8000), 1_640],
  ['gemini-2.5-flash', image(300, 300), 258],
])('%s: %j costs %i tokens', (model, media, tokens) => {
  expect(mediaTokens(model, media)).toEqual({ likely: tokens, upper: tokens });
});

test.each<[MediaView, number, number]>([
  // Google names two ways of cutting: tiles of 768 pixels, and a unit of the shorter side by 1.5, from 256 to 768 pixels. 960 × 540 is its example of 6.
  [image(960, 540), 516, 6 * 258],
  [image(1536, 768), 516, 6 * 258],
  [image(512, 512), 258, 4 * 258],
  [image(1024, 1024), 4 * 258, 4 * 258],
  [image(3000, 500), 4 * 258, 20 * 258],
  [image(6000, 6000), 64 * 258, 64 * 258],
])('gemini-2.5-flash: %j is expected to cost %i and held with %i', (media, likely, upper) => {
  expect(mediaTokens('gemini-2.5-flash', media)).toEqual({ likely, upper });
});

test.each(['claude-opus-4-7', 'claude-haiku-5', 'claude-mythos-5', 'us.anthropic.claude-sonnet-5-v1:0', 'claude-5-opus'])(
  '%s: pictures are held as large as the newest Claudes take them',
  (model) => {
    expect(mediaTokens(model, image(8000, 8000)).upper).toBe(4_784);
  },
);

test.each(['gpt-4o', 'gpt-4o-mini', 'o3', 'gpt-5-nano', 'claude-sonnet-4-5', 'claude-opus-4-7', 'gemini-2.5-pro', 'some-new-model'])(
  '%s: a picture of unknown size is held as the largest',
  (model) => {
    const unknown = mediaTokens(model, { kind: 'image', bytes: 1_000_000 });
    expect(unknown.upper).toBeGreaterThanOrEqual(unknown.likely);
    for (const [width, height] of [
      [64, 64],
      [1024, 768],
      [768, 2048],
      [4000, 3000],
    ] as const) {
      expect(unknown.upper).toBeGreaterThanOrEqual(mediaTokens(model, image(width, height)).likely);
    }
    expect(unknown.upper).toBeLessThan(50_000);
  },
);

test('sound by its seconds, else by its bytes, else as a minute', () => {
  expect(mediaTokens('gpt-4o', { kind: 'audio', seconds: 10 })).toEqual({ likely: 250, upper: 320 });
  expect(mediaTokens('gpt-4o', { kind: 'audio', bytes: 160_000 })).toEqual({ likely: 250, upper: 2_560 });
  expect(mediaTokens('gpt-4o', { kind: 'audio' })).toEqual({ likely: 1_500, upper: 19_200 });
});

test('a file by its pages, else by its bytes, else as ten pages; one with text is counted as text', () => {
  expect(mediaTokens('gpt-4o', { kind: 'file', pages: 2, bytes: 9_999 })).toEqual({ likely: 4_000, upper: 9_200 });
  expect(mediaTokens('gpt-4o', { kind: 'file', bytes: 8_000 })).toEqual({ likely: 1_000, upper: 4_000 });
  expect(mediaTokens('gpt-4o', { kind: 'file' })).toEqual({ likely: 20_000, upper: 460_000 });
  expect(mediaTokens('gpt-4o', { kind: 'file', text: 'words', pages: 9 })).toEqual({ likely: 0, upper: 0 });
});
