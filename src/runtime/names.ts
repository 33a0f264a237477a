import { randomUUID } from 'node:crypto';

/** A text as one string. Node joins a UUID of twenty pieces, and whoever keeps it keeps them all: a fifth of what a resting run weighs. */
export const inOnePiece = (text: string): string => Buffer.from(text).toString();

/** A random UUID, version 4. */
export const newId = (): string => inOnePiece(randomUUID());

let made = 0;
let process: string | undefined;

/** A short name that is given once: no other process, and no other call in this one, gives it. */
export function uniqueName(): string {
  process ??= inOnePiece(randomUUID().slice(-12));
  made += 1;
  return `${process}${made.toString(36)}`;
}
