import { randomUUID } from 'node:crypto';

/** A text as one string. Node joins a UUID of twenty pieces, and whoever keeps it keeps them all, for the collector to visit. */
export const inOnePiece = (text: string): string => Buffer.from(text).toString();

/** A random UUID, version 4. */
export const newId = (): string => inOnePiece(randomUUID());

let made = 0;
let ofThisProcess: string | undefined;

/** A short name that is given once: no other process, and no other call in this one, gives it. */
export function uniqueName(): string {
  ofThisProcess ??= inOnePiece(randomUUID().slice(-12));
  made += 1;
  return `${ofThisProcess}${made.toString(36)}`;
}
