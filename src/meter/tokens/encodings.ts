import type { Encoding } from '../families.ts';
import { cl100kPieceEnd } from './cl100k-pieces.ts';
import { createEncoder, type Encoder } from './encoder.ts';
import { o200kPieceEnd } from './o200k-pieces.ts';
import type { PieceEnd } from './piece-runs.ts';
import { rankData, rankDataLater } from './rank-data.ts';
import { createVocabularyReader } from './read-vocabulary.ts';
import { inSlices } from './slices.ts';

const pieceEnds: Readonly<Record<Encoding, PieceEnd>> = { o200k_base: o200kPieceEnd, cl100k_base: cl100kPieceEnd };
const loaded = new Map<Encoding, Encoder>();
const loading = new Map<Encoding, Promise<Encoder>>();

/** The encoder of an encoding if it is in memory. */
export const loadedEncoder = (encoding: Encoding): Encoder | undefined => loaded.get(encoding);

/** The encoder of an encoding, loaded at first need, in one go, and kept. */
export function encoderFor(encoding: Encoding): Encoder {
  const known = loaded.get(encoding);
  if (known !== undefined) return known;
  const reader = createVocabularyReader(rankData(encoding));
  while (reader.step());
  return keep(encoding, createEncoder(reader.vocabulary, pieceEnds[encoding]));
}

/** The encoder of an encoding, loaded at first need in slices that give the event loop back. Asking twice loads once. */
export function encoderLater(encoding: Encoding): Promise<Encoder> {
  const known = loaded.get(encoding);
  if (known !== undefined) return Promise.resolve(known);
  const pending = loading.get(encoding) ?? loadInSlices(encoding).finally(() => loading.delete(encoding));
  loading.set(encoding, pending);
  return pending;
}

async function loadInSlices(encoding: Encoding): Promise<Encoder> {
  const reader = createVocabularyReader(await rankDataLater(encoding));
  await inSlices(() => reader.step());
  return loaded.get(encoding) ?? keep(encoding, createEncoder(reader.vocabulary, pieceEnds[encoding]));
}

function keep(encoding: Encoding, encoder: Encoder): Encoder {
  loaded.set(encoding, encoder);
  return encoder;
}
