import { mediaFromDataUrl, type MediaView } from 'holdfast';
import { fieldsOf, recordsOf, stringIn, type Json } from '../json.ts';

/** Pictures, sounds and files in a content, in the shapes of all providers. */
export function mediaOf(content: unknown): MediaView[] {
  return recordsOf(content).flatMap((part): MediaView[] => {
    const type = stringIn(part['type']) ?? '';
    if (type.includes('image')) return [{ ...carried(part), kind: 'image' as const, ...detailOf(part) }];
    if (type.includes('audio')) return [ofKind('audio', carried(part))];
    if (type.includes('file') || type === 'document') return [ofKind('file', carried(part))];
    return [];
  });
}

const ofKind = (kind: 'audio' | 'file', media: MediaView | undefined): MediaView =>
  media?.bytes === undefined ? { kind } : { kind, bytes: media.bytes };

function detailOf(part: Json): { detail?: 'low' | 'high' | 'auto' } {
  const detail = part['detail'] ?? fieldsOf(part['image_url'])['detail'];
  return detail === 'low' || detail === 'high' || detail === 'auto' ? { detail } : {};
}

/** What a part carries itself, and not as a link. */
function carried(part: Json): MediaView | undefined {
  for (const holder of [part, part['image_url'], part['input_audio'], part['file'], part['source']]) {
    const { url, data, file_data: file, media_type: type } = typeof holder === 'string' ? ({ url: holder } as Json) : fieldsOf(holder);
    const text = [url, file].map(stringIn).find((value) => value?.startsWith('data:'));
    const made = text ?? (stringIn(data) === undefined ? undefined : `data:${stringIn(type) ?? 'audio/wav'};base64,${String(data)}`);
    const media = made === undefined ? undefined : mediaFromDataUrl(made);
    if (media) return media;
  }
  return undefined;
}
