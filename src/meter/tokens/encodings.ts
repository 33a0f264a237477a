import type { Encoding } from '../families.ts';
import { cl100kPieceEnd } from './cl100k-pieces.ts';
import { createEncoder, type Encoder } from './encoder.ts';
import { o200kPieceEnd } from './o200k-pieces.ts';
import type { PieceEnd } from './piece-runs.ts';
import { createPrimer } from './primer.ts';
import { rankData, rankDataLater } from './rank-data.ts';
import { createVocabularyReader } from './read-vocabulary.ts';
import { inSlices } from './slices.ts';

const pieceEnds: Readonly<Record<Encoding, PieceEnd>> = { o200k_base: o200kPieceEnd, cl100k_base: cl100kPieceEnd };
const loaded = new Map<Encoding, Encoder>();
const pending = new Map<Encoding, Promise<Encoder>>();

/** The encoder of an encoding if it is in memory. */
export const loadedEncoder = (encoding: Encoding): Encoder | undefined => loaded.get(encoding);

/** The encoder of an encoding, loaded at first need, in one go, and kept. */
export function encoderFor(encoding: Encoding): Encoder {
  const known = loaded.get(encoding);
  if (known !== undefined) return known;
  const steps = loading(encoding, rankData(encoding));
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The encoder of an encoding, loaded at first need in slices that give the event loop back. Asking twice loads once. */
export function encoderLater(encoding: Encoding): Promise<Encoder> {
  const known = loaded.get(encoding);
  if (known !== undefined) return Promise.resolve(known);
  const promise = pending.get(encoding) ?? loadInSlices(encoding).finally(() => pending.delete(encoding));
  pending.set(encoding, promise);
  return promise;
}

async function loadInSlices(encoding: Encoding): Promise<Encoder> {
  const steps = loading(encoding, await rankDataLater(encoding));
  await inSlices(() => steps.next().done !== true);
  return encoderFor(encoding);
}

function* loading(encoding: Encoding, data: Uint8Array): Generator<void, Encoder> {
  const reader = createVocabularyReader(data);
  while (reader.step()) yield;
  const encoder = createEncoder(reader.vocabulary, pieceEnds[encoding]);
  const prime = createPrimer(encoder);
  while (prime()) yield;
  const first = loaded.get(encoding) ?? encoder;
  loaded.set(encoding, first);
  return first;
}
