import type { MediaView, ModelCall } from '../../core/step.ts';
import { imageTokens, type Estimate } from './image-tokens.ts';

export type { Estimate };

/** The most that Google (32) and OpenAI (10 for what a person says) charge for a second of sound (their pages on tokens). */
const AUDIO_TOKENS_PER_SECOND = { likely: 25, upper: 32 };

/** Sound of unknown length: spoken sound is seldom sent below 2,000 bytes a second, and most often at 16,000. */
const AUDIO_BYTES_PER_SECOND = { likely: 16_000, upper: 2_000 };

/** Sound of which nothing is known is taken for one minute, at most for ten. */
const AUDIO_SECONDS = { likely: 60, upper: 600 };

/** A page as text and as picture: Anthropic names 1,500 to 3,000 tokens of text, and a picture costs up to 1,600. */
const PAGE_TOKENS = { likely: 2_000, upper: 4_600 };

/** A file of unknown pages: a token for so many bytes. Formats that pack text hold more of it than they have bytes. */
const FILE_BYTES_PER_TOKEN = { likely: 8, upper: 2 };

/** A file of which nothing is known is taken for ten pages, at most for a hundred. */
const FILE_PAGES = { likely: 10, upper: 100 };

/**
 * The tokens of a part that is not text: exact where its provider publishes a rule and the size is known, else an estimate.
 * The text of a file is counted as text, beside this.
 */
export function mediaTokens(model: string, media: MediaView): Estimate {
  switch (media.kind) {
    case 'image':
      return imageTokens(model, media);
    case 'audio':
      return bothOf((side) => {
        const bytes = known(media.bytes);
        const seconds = known(media.seconds) ?? (bytes === undefined ? AUDIO_SECONDS[side] : bytes / AUDIO_BYTES_PER_SECOND[side]);
        return Math.ceil(seconds * AUDIO_TOKENS_PER_SECOND[side]);
      });
    case 'file':
      if (media.text !== undefined) return { likely: 0, upper: 0 };
      return bothOf((side) => {
        const [pages, bytes] = [known(media.pages), known(media.bytes)];
        if (pages === undefined && bytes !== undefined) return Math.ceil(bytes / FILE_BYTES_PER_TOKEN[side]);
        return Math.ceil((pages ?? FILE_PAGES[side]) * PAGE_TOKENS[side]);
      });
  }
}

/** The tokens of all parts of a call that are not text. */
export function mediaTokensOf({ model, messages }: ModelCall): Estimate {
  const sum = { likely: 0, upper: 0 };
  for (const { media } of messages ?? []) {
    if (media === undefined) continue;
    for (const part of media) {
      const { likely, upper } = mediaTokens(model, part);
      sum.likely += likely;
      sum.upper += upper;
    }
  }
  return sum;
}

/** A size that can be one; a host's NaN or negative number is as good as none. */
const known = (size: number | undefined): number | undefined =>
  size !== undefined && Number.isFinite(size) && size >= 0 ? size : undefined;

const bothOf = (tokensOn: (side: 'likely' | 'upper') => number): Estimate => ({ likely: tokensOn('likely'), upper: tokensOn('upper') });
