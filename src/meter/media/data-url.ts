import type { MediaView } from '../../core/step.ts';
import { imageSize } from './image-size.ts';

/** Base64 characters that are decoded to find a picture's size; JPEG keeps it behind its thumbnails. */
const HEAD_CHARACTERS = 262_144;

const opening = /^data:([a-z]+)\/[\w.+-]+(?:;[^;,]*)*;base64,/i;

/**
 * What a base64 data URL is, for a message's `media`: a picture with its size read from its first bytes, a sound, or a file.
 * Undefined for anything else. A megabyte of base64 would be 680,000 tokens of text; as a picture it is about a thousand.
 *
 * @example
 * mediaFromDataUrl('data:image/png;base64,iVBORw0KGgo…'); // { kind: 'image', width: 640, height: 480, bytes: 20480 }
 */
export function mediaFromDataUrl(url: string): MediaView | undefined {
  const match = opening.exec(url.slice(0, 256));
  if (!match) return undefined;
  const start = match[0].length;
  const bytes = Math.floor(((url.length - start) * 3) / 4);
  switch (match[1]?.toLowerCase()) {
    case 'image':
      return { kind: 'image', bytes, ...imageSize(Buffer.from(url.slice(start, start + HEAD_CHARACTERS), 'base64')) };
    case 'audio':
      return { kind: 'audio', bytes };
    default:
      return { kind: 'file', bytes };
  }
}
