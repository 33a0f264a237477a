import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { auditLog, type Guard } from 'holdfast';
import { UsageError } from '../usage-error.ts';
import { adminPages } from './admin.ts';
import { servedCalls, type KeyedUpstream } from './calls.ts';
import { guardFrom } from './configuration/load.ts';
import { defaultBounds, type Bounds, type Configuration, type UpstreamPart } from './configuration/schema.ts';
import type { Secrets } from './configuration/secret.ts';
import { authenticateAnyone, authenticateBy } from './keys.ts';
import { answer } from './respond.ts';
import { upstreamAt } from './upstream.ts';

export interface ProxyOptions {
  readonly configuration: Configuration;
  readonly secrets: Secrets;
  /** In place of the configuration's. */
  readonly upstream?: string | undefined;
  readonly port: number;
  readonly host: string;
  /** In place of the one that the configuration describes; whoever gives it closes it. */
  readonly guard?: Guard<string> | undefined;
}

/** A proxy that is listening. */
export interface Proxy {
  readonly url: string;
  readonly port: number;
  /**
   * Takes no more requests, lets those that are being served come to their end for `drainMs`, aborts the rest, and writes
   * everything down. True when nothing had to be aborted.
   */
  close(): Promise<boolean>;
}

const SETTLE_MS = 5_000;
/** How long a kept connection may be without a request. */
const KEEP_ALIVE_MS = 30_000;

/** @throws UsageError, InvalidOptionError for a configuration that cannot be used */
export async function serveProxy(options: ProxyOptions): Promise<Proxy> {
  const { configuration, secrets, port, host } = options;
  const bounds = configuration.bounds ?? defaultBounds();
  const authenticate = configuration.keys ? authenticateBy(configuration.keys, secrets) : authenticateAnyone;
  if (!configuration.keys && !isThisMachine(host))
    throw new UsageError('an address that other machines can reach needs `keys` in the configuration; set them, or listen on 127.0.0.1');
  const upstreams = upstreamsOf(options, bounds);
  const guard = options.guard ?? guardFrom(configuration, secrets, await storeOf(configuration, secrets));
  const log = configuration.audit === undefined ? undefined : auditLog(configuration.audit);
  log?.follow(guard);
  const { admin: asked = {} } = configuration;
  const token = asked.token === undefined ? undefined : secrets(asked.token, 'admin.token');
  const isAdminOpen = token !== undefined || isThisMachine(host);
  const admin = await adminPages(guard, {
    token,
    hosts: asked.hosts,
    hasDashboard: isAdminOpen && asked.dashboard !== false,
    hasMetrics: isAdminOpen ? asked.metrics : false,
  });
  const budgeted = new Set(['tenant', ...Object.keys(configuration.budgets ?? {})]);
  const calls = servedCalls({ guard, authenticate, upstreams, bounds, budgeted });
  let isDraining = false;

  const handle = (mayContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => {});
    request.on('error', () => {});
    if (admin.handle(request, response)) return;
    if (isDraining) {
      answer(response, 'openai', { status: 503, message: 'the proxy shuts down', headers: { connection: 'close', 'retry-after': '1' } });
      return;
    }
    calls.handle(request, response, mayContinue).catch(() => response.destroy());
  };
  const server = boundedServer(bounds, handle);
  await listening(server, port, host);
  const { port: taken, family, address } = server.address() as AddressInfo;

  async function close(): Promise<boolean> {
    isDraining = true;
    admin.drain();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const isDone = await until(() => calls.inFlight === 0, bounds.drainMs);
    calls.abort();
    await until(() => calls.inFlight === 0, SETTLE_MS);
    server.closeAllConnections();
    await closed;
    await calls.close();
    admin.close();
    if (!options.guard) await guard.close();
    await log?.close();
    return isDone;
  }

  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`, port: taken, close };
}

/** Slow, endless and crowded clients come to an end here, before any of them is served. */
function boundedServer(
  bounds: Bounds,
  handle: (mayContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer({
    maxHeaderSize: bounds.headerBytes,
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: bounds.headersTimeoutMs + bounds.bodyTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(1_000, bounds.headersTimeoutMs),
    noDelay: true,
  });
  server.maxConnections = bounds.connections;
  server.on('request', handle(false));
  server.on('checkContinue', handle(true));
  // Nothing is tunnelled, and no connection becomes another protocol's.
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('upgrade', (_request, socket) => socket.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request';
    return void socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
  });
  return server;
}

async function listening(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function upstreamsOf(
  { configuration, secrets, upstream: given }: ProxyOptions,
  bounds: Bounds,
): Partial<Record<'openai' | 'anthropic', KeyedUpstream>> {
  const part = given ?? configuration.upstream;
  if (part === undefined) throw new UsageError('give --upstream URL, or `upstream` in the configuration');
  const keyed = ({ url, key }: UpstreamPart, where: string): KeyedUpstream => ({
    upstream: upstreamAt({ url, idleMs: bounds.upstreamIdleMs, sockets: bounds.inFlight }, where),
    key: key === undefined ? undefined : secrets(key, `${where}.key`),
  });
  if (typeof part === 'string' || 'url' in part) {
    const one = keyed(typeof part === 'string' ? { url: part } : part, 'upstream');
    return { openai: one, anthropic: one };
  }
  const { openai, anthropic } = part;
  if (!openai && !anthropic) throw new UsageError('upstream: name an upstream for openai, for anthropic, or one for both');
  return {
    ...(openai ? { openai: keyed(openai, 'upstream.openai') } : {}),
    ...(anthropic ? { anthropic: keyed(anthropic, 'upstream.anthropic') } : {}),
  };
}

async function storeOf({ store }: Configuration, secrets: Secrets) {
  if (!store) return undefined;
  const { redisStore } = await import('holdfast/redis');
  return redisStore(secrets(store.redis, 'store.redis'), store.prefix === undefined ? {} : { prefix: store.prefix });
}

const isThisMachine = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

async function until(isSo: () => boolean, mostMs: number): Promise<boolean> {
  const end = Date.now() + mostMs;
  while (!isSo()) {
    if (Date.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
