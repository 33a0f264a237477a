import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidOptionError } from 'holdfast';
import { isLoopback, loopbackHosts } from './access.ts';
import type { DashboardGuard } from './actions.ts';
import { dashboard, type Dashboard, type DashboardOptions } from './dashboard.ts';

export interface ServeOptions extends Omit<DashboardOptions, 'basePath'> {
  /** Default 4700; 0 takes any that is free. */
  readonly port?: number | undefined;
  /** The address to listen on. Default `127.0.0.1`; any that is not of this machine alone needs a token. */
  readonly host?: string | undefined;
}

/** A page on a server of its own. */
export interface ServedDashboard {
  /** With the token, where there is one: whoever has the address may act. It stays in the browser, it is not sent in it. */
  readonly url: string;
  readonly add: Dashboard['add'];
  close(): Promise<void>;
}

/**
 * Serves the page on a port of its own.
 *
 * @throws InvalidOptionError when it would be open to other machines without a token
 * @example const { url } = await serveDashboard(guard, { token: randomBytes(24).toString('base64url') });
 */
export async function serveDashboard(guard: DashboardGuard | undefined, options: ServeOptions = {}): Promise<ServedDashboard> {
  const { port = 4700, host = '127.0.0.1', token } = options;
  const shown = host.includes(':') ? `[${host}]` : host;
  const { hosts = [...loopbackHosts, nameIn(`http://${shown}`) ?? host] } = options;
  if (token === undefined && host !== 'localhost' && !isLoopback(host)) {
    const message = 'an address that other machines can reach needs a token; set `token`, or listen on 127.0.0.1';
    throw new InvalidOptionError('options of serveDashboard', [{ path: 'host', message, value: host }]);
  }
  const page = dashboard(guard, { ...options, hosts });
  const server = createServer((request, response) => {
    if (!page.handler(request, response)) response.writeHead(404).end();
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    page.close();
    throw error;
  }
  // A connection that the system will not give (too many files are open) must not end the process of the agents.
  server.on('error', () => {});
  const address = server.address() as AddressInfo;
  return {
    url: `http://${shown}:${address.port}/${token === undefined ? '' : `#token=${encodeURIComponent(token)}`}`,
    add: page.add,
    async close() {
      page.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A host as browsers write it: an address of IPv6 has many forms, and they send one. */
const nameIn = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).hostname : undefined);
