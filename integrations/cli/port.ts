import { UsageError } from './usage-error.ts';

/** The number in `--port`. */
export function portOf(text: string): number {
  const port = Number(text);
  if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new UsageError(`--port must be a whole number from 0 to 65535, got "${text}"`);
}

/** What Node tells of a server that could not listen. */
interface ListenError {
  readonly syscall?: string;
  readonly code?: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
}

/** Why a server could not listen, in words that say what to do; undefined for any other error. */
export function listenProblem(error: unknown): string | undefined {
  const { syscall, code, address, hostname, port } = error as ListenError;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return undefined;
  if (code === 'EADDRINUSE') return `port ${port} of ${address} is taken; give another one with --port, or 0 for any`;
  if (code === 'EACCES') return `port ${port} of ${address} may not be used: permission denied; give another one with --port`;
  return `${address ?? hostname} is no address of this machine (${code}); give another one with --host`;
}
