import { connect, type Socket } from 'node:net';
import { createGuard, type Guard, type GuardOptions } from 'holdfast';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { checkedConfiguration } from '../../../integrations/cli/proxy/configuration/load.ts';
import { secretsFrom } from '../../../integrations/cli/proxy/configuration/secret.ts';
import { serveProxy, type Proxy } from '../../../integrations/cli/proxy/serve-proxy.ts';

export const clientKey = 'hf-a-key-of-a-client-for-tests';

/** A proxy before a model that is played, with a guard that can be looked at. */
export interface Stage {
  readonly proxy: Proxy;
  readonly guard: Guard<string>;
  readonly server: OpenAIServer;
}

const closing: (() => Promise<unknown>)[] = [];

/** Closes what was opened in a test, newest first. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close();
}

export function closeLater(close: () => Promise<unknown>): void {
  closing.push(close);
}

export interface StageOptions {
  readonly script?: OpenAIScript;
  readonly guard?: GuardOptions<string>;
  readonly configuration?: Record<string, unknown>;
  readonly upstream?: string;
}

export async function staged({
  script = () => 'Hello!',
  guard: options = {},
  configuration = {},
  upstream,
}: StageOptions = {}): Promise<Stage> {
  const server = await startOpenAIServer({ script });
  closeLater(() => server.close());
  const guard = createGuard<string>(options as never);
  closeLater(() => guard.close());
  const proxy = await serveProxy({
    configuration: checkedConfiguration({
      keys: [{ name: 'client', key: clientKey, trustIds: true }],
      budgets: options.budgets ?? {},
      ...configuration,
    }),
    secrets: secretsFrom({}),
    upstream: upstream ?? server.url,
    port: 0,
    host: '127.0.0.1',
    guard,
  });
  closeLater(() => proxy.close());
  return { proxy, guard, server };
}

export const authorized = { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' };

export const chat = (content: string, more: object = {}): string =>
  JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }], ...more });

export const post = (
  proxy: Proxy,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  path = '/v1/chat/completions',
): Promise<Response> => fetch(`${proxy.url}${path}`, { method: 'POST', body, headers: { ...authorized, ...headers } });

/** A connection on which anything can be written, and what came back on it. */
export async function raw(port: number, text: string | Buffer): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  let all = '';
  socket.on('data', (chunk: Buffer) => (all += chunk.toString('latin1')));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  closeLater(async () => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return { socket, received: () => all, closed };
}

export async function until(isSo: () => boolean, what = 'what was waited for'): Promise<void> {
  const givesUpAt = Date.now() + 15_000;
  while (!isSo()) {
    if (Date.now() > givesUpAt) throw new Error(`waited 15 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
