import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Guard } from 'holdfast';
import { dashboard, type Dashboard } from 'holdfast/dashboard';
import { UsageError } from '../usage-error.ts';

/** What operators ask for: whether it lives, its figures, its page. */
export interface Admin {
  /** True when the request was for one of these, and was answered. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /** From now on `/healthz` says that no more requests should come. */
  drain(): void;
  close(): void;
}

export interface AdminOptions {
  readonly token: string | undefined;
  readonly hosts: readonly string[] | undefined;
  readonly hasDashboard: boolean;
  /** Undefined: where prom-client is installed. */
  readonly hasMetrics: boolean | undefined;
}

const TOKEN_LENGTH_MIN = 16;

/** @throws UsageError for a token that can be guessed; ERR_MODULE_NOT_FOUND where metrics are asked for without prom-client */
export async function adminPages(guard: Guard<string>, { token, hosts, hasDashboard, hasMetrics }: AdminOptions): Promise<Admin> {
  if (token !== undefined && token.length < TOKEN_LENGTH_MIN)
    throw new UsageError(`admin.token: a token of less than ${TOKEN_LENGTH_MIN} characters can be guessed`);
  let page: Dashboard | undefined;
  /** It listens from the first look on: a page that nobody wants costs nothing. */
  const opened = (): Dashboard => (page ??= dashboard(guard, { token, basePath: '/dashboard', ...(hosts ? { hosts } : {}) }));
  const metrics = hasMetrics === false ? undefined : await metricsOf(guard, hasMetrics === true);
  let isDraining = false;

  const maySee = ({ headers: { authorization = '' }, socket }: IncomingMessage): boolean =>
    token === undefined ? isLoopback(socket.remoteAddress) : isSame(authorization, `Bearer ${token}`);

  function health(response: ServerResponse): void {
    response.writeHead(isDraining ? 503 : 200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify({ status: isDraining ? 'draining' : 'ok' }));
  }

  async function showMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, text: string): void => void response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
    if (!maySee(request)) return say(401, 'the token is missing or wrong\n');
    if (!metrics) return say(404, 'metrics are off: npm install prom-client, and admin.metrics is not false\n');
    const { contentType, text } = await metrics.read();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  }

  return {
    handle(request, response) {
      const path = (request.url ?? '').split('?', 1)[0];
      if (path === '/healthz') health(response);
      else if (path === '/metrics') showMetrics(request, response).catch(() => response.destroy());
      else if (hasDashboard && (path === '/dashboard' || path?.startsWith('/dashboard/'))) return opened().handler(request, response);
      else return false;
      return true;
    },
    drain() {
      isDraining = true;
    },
    close() {
      metrics?.stop();
      page?.close();
    },
  };
}

interface Metrics {
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
  stop(): void;
}

async function metricsOf(guard: Guard<string>, isAskedFor: boolean): Promise<Metrics | undefined> {
  try {
    const [{ prometheusMetrics }, { Registry }] = await Promise.all([import('holdfast/prometheus'), import('prom-client')]);
    const { registry, stop } = prometheusMetrics(guard, { registry: new Registry() });
    return { read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }), stop };
  } catch (error) {
    if (isAskedFor) throw error;
    return undefined;
  }
}

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.'));

function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
