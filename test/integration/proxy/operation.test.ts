import { createHash } from 'node:crypto';
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startOpenAIServer } from 'holdfast/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { proxyCommand } from '../../../integrations/cli/proxy/command.ts';
import { capturedIo } from '../../support/captured-io.ts';
import { hasRedis, startRedis } from '../../support/redis-server.ts';
import { authorized, chat, clientKey, closeAll, closeLater, post, staged, until } from './support.ts';

afterEach(closeAll);
const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-proxy-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** `holdfast proxy` as a person starts it; `stop` is Ctrl-C. */
async function command(configuration: object, ...args: string[]) {
  const file = path.join(scratch, `${Math.random()}.json`);
  writeFileSync(file, JSON.stringify(configuration));
  const stopping = new AbortController();
  const captured = capturedIo({
    signal: stopping.signal,
    env: { PROVIDER_KEY: 'sk-the-key-of-the-provider', REDIS_URL: process.env['REDIS_URL'] },
  });
  const ended = proxyCommand.run(['--config', file, '--port', '0', '--json', ...args], captured.io);
  closeLater(async () => {
    stopping.abort();
    await ended;
  });
  await until(() => captured.out() !== '', 'the proxy');
  const { url } = JSON.parse(captured.out()) as { url: string };
  return { url, ...captured, stop: () => (stopping.abort(), ended) };
}

const ask = (url: string, body = chat('hi'), headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers: { ...authorized, ...headers } });

const hashed = { name: 'client', sha256: createHash('sha256').update(clientKey).digest('hex') };

describe('holdfast proxy', () => {
  it('serves calls with the key of the provider, and tells nobody of either key', async () => {
    const server = await startOpenAIServer({ script: () => 'Hello!' });
    closeLater(() => server.close());
    const audit = path.join(scratch, 'audit.jsonl');
    const proxy = await command({
      budgets: { user: { usd: 1, window: 'day' } },
      keys: [hashed],
      upstream: { url: server.url, key: { env: 'PROVIDER_KEY' } },
      admin: { token: 'a-token-of-enough-characters' },
      audit,
    });
    expect((await ask(proxy.url)).status).toBe(200);
    expect((await ask(proxy.url, chat('hi'), { authorization: 'Bearer wrong' })).status).toBe(401);
    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer sk-the-key-of-the-provider']);
    expect(JSON.stringify(server.requests[0]?.headers)).not.toContain(clientKey);
    const see = (place: string, token?: string): Promise<Response> =>
      fetch(proxy.url + place, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    expect(await (await see('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await see('/metrics')).status).toBe(401);
    expect(await (await see('/metrics', 'a-token-of-enough-characters')).text()).toContain('holdfast_steps_total');
    expect((await see('/dashboard/')).status).toBe(200);
    expect((await see('/dashboard/api/events')).status).toBe(401);
    expect(await proxy.stop()).toBe(0);
    const everything = proxy.out() + proxy.err() + readFileSync(audit, 'utf8');
    expect(everything).toContain('"step:end"');
    for (const secret of [clientKey, 'sk-the-key-of-the-provider', hashed.sha256]) expect(everything).not.toContain(secret);
    await expect(fetch(`${proxy.url}/healthz`)).rejects.toThrow();
  });

  it.runIf(hasRedis)('shares a budget with other proxies through Redis', async () => {
    const redis = await startRedis();
    closeLater(() => redis.stop());
    const server = await startOpenAIServer({ script: () => 'Hello!' });
    closeLater(() => server.close());
    const configuration = {
      budgets: { user: { modelCalls: 10, window: 'day' } },
      keys: [hashed],
      upstream: server.url,
      store: { redis: `redis://127.0.0.1:${redis.port}` },
    };
    const proxies = [await command(configuration), await command(configuration)];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, place) => ask(proxies[place % 2]!.url, chat(`question ${place}`))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(server.requests).toHaveLength(10);
  });

  it('lets what is being served come to its end before it ends, and takes nothing new', async () => {
    const { proxy, server } = await staged({ script: () => ({ text: 'one two three four five six', pieceDelayMs: 60 }) });
    const running = await post(proxy, chat('hi', { stream: true }));
    const text = running.text();
    const closed = proxy.close();
    await expect(post(proxy, chat('another'))).rejects.toThrow();
    expect(await text).toContain('[DONE]');
    expect(await closed).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('cuts off what takes longer than the drain, and books it', async () => {
    const { proxy, guard } = await staged({
      script: () => ({ text: 'never', fault: { kind: 'hang', afterPieces: 1 } }),
      guard: { budgets: { user: { tokens: 100_000 } } },
      configuration: { bounds: { drainMs: 50 } },
    });
    const running = await post(proxy, chat('hi', { stream: true }));
    const text = running.text();
    text.catch(() => {});
    expect(await proxy.close()).toBe(false);
    await expect(text).rejects.toThrow();
    const { used, held } = await guard.read('user', 'client');
    expect([used.modelCalls, held.tokens]).toEqual([1, 0]);
    expect(used.inputTokens).toBeGreaterThan(0);
  });

  it('tells clients what is left of their budgets, and each only of its own', async () => {
    const { proxy } = await staged({
      guard: { budgets: { run: { steps: 9 }, user: { modelCalls: 10, window: 'day' }, global: { usd: 1 } } },
    });
    const told = async (user: string, body = chat('hi')): Promise<[string | null, string | null]> => {
      const { headers } = await post(proxy, body, { 'holdfast-user': user });
      return [headers.get('ratelimit-policy'), headers.get('ratelimit')];
    };
    const policies = '"user-modelCalls";q=10;w=86400, "global-usd";q=1000000;qu="micro-usd"';
    expect(await told('alice')).toEqual([policies, expect.stringMatching(/^"user-modelCalls";r=(?:9|10);t=\d+, "global-usd";r=\d+$/)]);
    const left = async (): Promise<number> => Number(/"user-modelCalls";r=(\d+)/.exec((await told('alice'))[1] ?? '')?.[1]);
    await expect.poll(left, { interval: 500, timeout: 5_000 }).toBeLessThan(9);
    expect((await told('bob'))[1]).toMatch(/^"user-modelCalls";r=(?:9|10);/);
    // What is refused says why, and when to come back; what the provider refuses says nothing of our budgets.
    expect(await told('carol', '{"model":"gpt-4o-mini","messages":"no"}')).toEqual([null, null]);
  });

  it('without keys makes every credential a user of its own', async () => {
    const { proxy, guard } = await staged({ guard: { budgets: { user: { modelCalls: 1 } } }, configuration: { keys: undefined } });
    const status = async (key: string): Promise<number> => (await post(proxy, chat('hi'), { authorization: `Bearer ${key}` })).status;
    expect([await status('sk-one'), await status('sk-two')]).toEqual([200, 200]);
    expect(await status('sk-one')).toBeGreaterThanOrEqual(400);
    expect((await guard.list({ scope: 'user' })).map(({ id }) => id)).toEqual([
      expect.stringMatching(/^key-/),
      expect.stringMatching(/^key-/),
    ]);
  });

  it('bounds how many accounts a tenant may begin', async () => {
    const { proxy, server } = await staged({
      guard: { budgets: { user: { modelCalls: 10 } } },
      configuration: { bounds: { newAccountsPerHour: 4 } },
    });
    const statuses: number[] = [];
    for (let user = 0; user < 8; user += 1) statuses.push((await post(proxy, chat('hi'), { 'holdfast-user': `u${user}` })).status);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(4);
    expect(statuses.at(-1)).toBe(429);
    expect((await post(proxy, chat('hi'), { 'holdfast-user': 'u0' })).status).toBe(200);
    expect(server.requests.length).toBeLessThanOrEqual(5);
  });
});
