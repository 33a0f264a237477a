import type { Io } from '../../integrations/cli/io.ts';

/** A terminal that remembers what was written; nobody watches it unless told so. */
export function capturedIo(options: Partial<Io> = {}): { readonly io: Io; readonly out: () => string; readonly err: () => string } {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    isTerminal: false,
    isErrTerminal: false,
    columns: 120,
    env: {},
    signal: new AbortController().signal,
    ...options,
  };
  return { io, out: () => out.join(''), err: () => err.join('') };
}
