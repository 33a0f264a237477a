import { describe, expect, test } from 'vitest';
import { mediaFromDataUrl } from '../../../../src/meter/media/data-url.ts';
import { imageSize } from '../../../../src/meter/media/image-size.ts';

const padded = (bytes: readonly number[], length = 64): Buffer =>
  Buffer.concat([Buffer.from(bytes), Buffer.alloc(Math.max(0, length - bytes.length))]);
const ascii = (text: string): number[] => Array.from(Buffer.from(text, 'latin1'));
const png = padded([0x89, ...ascii('PNG\r\n\x1a\n'), 0, 0, 0, 13, ...ascii('IHDR'), 0, 0, 2, 128, 0, 0, 1, 224]);
const gif = padded([...ascii('GIF89a'), 0x40, 0x01, 0xf0, 0x00]);
const jpeg = padded([0xff, 0xd8, 0xff, 0xe0, 0, 4, 9, 9, 0xff, 0xc4, 0, 3, 9, 0xff, 0xc2, 0, 11, 8, 0x01, 0xe0, 0x02, 0x80]);
const webp = (chunk: string, data: readonly number[]): Buffer =>
  padded([...ascii('RIFF'), 0, 0, 0, 0, ...ascii('WEBP'), ...ascii(chunk), 0, 0, 0, 0, ...data]);

describe('the size of a picture is read from its first bytes', () => {
  test.each([
    ['PNG', png, { width: 640, height: 480 }],
    ['GIF', gif, { width: 320, height: 240 }],
    ['JPEG, behind other segments', jpeg, { width: 640, height: 480 }],
    ['WebP, lossy', webp('VP8 ', [0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]), { width: 640, height: 480 }],
    ['WebP, lossless', webp('VP8L', [0x2f, 0x7f, 0xc2, 0x77, 0x00]), { width: 640, height: 480 }],
    ['WebP, extended', webp('VP8X', [0, 0, 0, 0, 0x7f, 0x02, 0, 0xdf, 0x01, 0]), { width: 640, height: 480 }],
  ])('%s', (_, bytes, size) => {
    expect(imageSize(bytes)).toEqual(size);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a PNG cut short', png.subarray(0, 12)],
    ['a JPEG without a frame', padded([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0])],
    ['a JPEG whose segments stand still', padded([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0])],
    ['a JPEG cut short in a segment', jpeg.subarray(0, 14)],
    ['a picture of no size', padded([...ascii('GIF89a'), 0, 0, 0, 0])],
    ['text', Buffer.from('not a picture at all, just some text that is long enough to be looked at')],
  ])('%s has none', (_, bytes) => {
    expect(imageSize(bytes)).toBeUndefined();
  });
});

describe('a data URL is what it carries', () => {
  test('a picture with its size', () => {
    expect(mediaFromDataUrl(`data:image/png;base64,${png.toString('base64')}`)).toMatchObject({ kind: 'image', width: 640, height: 480 });
  });

  test('a picture that cannot be read has no size, but is still a picture', () => {
    expect(mediaFromDataUrl('data:image/avif;base64,AAAA')).toEqual({ kind: 'image', bytes: 3 });
  });

  test('sound and files', () => {
    expect(mediaFromDataUrl('data:audio/wav;base64,AAAA')).toEqual({ kind: 'audio', bytes: 3 });
    expect(mediaFromDataUrl('data:application/pdf;name=a.pdf;base64,AAAA')).toEqual({ kind: 'file', bytes: 3 });
    expect(mediaFromDataUrl('data:application/pdf;name=my%20own.pdf;base64,AAAA')).toEqual({ kind: 'file', bytes: 3 });
    expect(mediaFromDataUrl('data:application/pdf;name="a (1).pdf";base64,AAAA')).toEqual({ kind: 'file', bytes: 3 });
  });

  test.each(['https://example.org/a.png', 'data:text/plain,hello', '', 'data:'])('%j is none', (url) => {
    expect(mediaFromDataUrl(url)).toBeUndefined();
  });
});
