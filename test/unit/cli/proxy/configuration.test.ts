import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { proxyCommand } from '../../../../integrations/cli/proxy/command.ts';
import { checkedConfiguration, guardFrom } from '../../../../integrations/cli/proxy/configuration/load.ts';
import { jsonSchema } from '../../../../integrations/cli/proxy/configuration/schema.ts';
import { secretsFrom } from '../../../../integrations/cli/proxy/configuration/secret.ts';
import { upstreamAt } from '../../../../integrations/cli/proxy/upstream.ts';
import { capturedIo } from '../../../support/captured-io.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-proxy-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const file = (text: string): string => {
  const place = path.join(scratch, `${Math.random()}.json`);
  writeFileSync(place, text);
  return place;
};

/** Every option that a file can have. */
const whole = {
  $schema: './holdfast.schema.json',
  budgets: {
    run: { usd: 0.5, steps: 60, duration: '2m', headroom: 0.1 },
    session: { reasoningTokens: 20_000 },
    user: { usd: 5, window: { every: 'day', timeZone: 'Europe/Berlin' }, per: { alice: { usd: 20 } }, alertAt: [0.5] },
    team: { tokens: 1_000_000, window: { rolling: '7d' }, onStoreError: 'local', onExpire: 'charge' },
    global: { usd: 500, window: 'month' },
  },
  loops: { preset: 'strict', haltAt: 6 },
  tools: { wait_for: { poll: '10m' }, search: { loopKey: ['query'] } },
  input: { maxTokens: 100_000, onExcess: 'reject', per: { chat: { maxTokens: 8_000 } } },
  prices: { 'my-model*': { input: 1, output: 2, cachedInput: 0.1 } },
  margin: 0.1,
  maxOutputTokens: 2_000,
  minUseful: 100,
  allowUnpriced: true,
  concurrency: { guard: 100, run: 5 },
  alertAt: [0.8],
  headroom: 0.05,
  requireScopes: ['user'],
  holdTtl: '30s',
  onExpire: 'release',
  onStoreError: 'closed',
  storeTimeout: '1s',
  ladder: [
    { rung: 'notice', at: 0.7, on: ['usd'], scopes: ['user'], most: 2 },
    { rung: 'cheaperModel', to: ['gpt-4o-mini', 'gpt-4.1-nano'], at: 0.8 },
    { rung: 'lighterReasoning', effort: 'low' },
    { rung: 'shorterReplies', maxOutputTokens: 500, instruction: false },
    { rung: 'trimmedContext', resultTokens: 200 },
    { rung: 'summarizedHistory', keepLast: 4 },
    { rung: 'heldBackCall', most: 1 },
    { rung: 'wrapUp', reserve: 0.1 },
    { rung: 'handoff', url: 'https://desk.example.com/runs', secret: { env: 'DESK_SECRET' }, timeoutMs: 5_000 },
  ],
  upstream: { openai: { url: 'https://api.openai.com/v1', key: { env: 'OPENAI_KEY' } }, anthropic: { url: 'https://api.anthropic.com' } },
  keys: [{ name: 'team', sha256: 'a'.repeat(64), scopes: { tenant: 'acme' }, trustIds: true }],
  store: { redis: { env: 'REDIS_URL' }, prefix: 'holdfast' },
  listen: { port: 4800, host: '127.0.0.1' },
  admin: { token: { env: 'ADMIN_TOKEN' }, hosts: ['localhost'], dashboard: true, metrics: true },
  audit: 'audit.jsonl',
  bounds: { bodyBytes: 1_000_000, inFlight: 10 },
};
const env = { DESK_SECRET: 'a-secret-of-enough-bytes' };

describe('the configuration', () => {
  it('says everything that the guard can be told in JSON', async () => {
    const configuration = checkedConfiguration(whole);
    const guard = guardFrom(configuration, secretsFrom(env), undefined);
    expect((await guard.read('user', 'alice')).limits.usd).toBeCloseTo(19);
    expect((await guard.read('team', 'x')).window).toBe('rolling-604800000ms');
    expect(configuration.bounds).toMatchObject({ bodyBytes: 1_000_000, inFlight: 10, connections: 1_000 });
    for (const ladder of ['gentle', { rungs: whole.ladder, shadow: true }])
      expect(() => guardFrom(checkedConfiguration({ ladder }), secretsFrom(env), undefined)).not.toThrow();
    await guard.close();
  });

  it("names what cannot be used in the guard's own words, and everything else too", () => {
    const broken = {
      budgets: { usr: { usd: 5 }, user: { usdd: 1 } },
      ladder: [{ rung: 'wrapUp', reserve: 2 }],
      keys: [{ name: 'a b' }],
      upstreams: 1,
    };
    const check = (): unknown => checkedConfiguration(broken, 'holdfast.json');
    expect(check).toThrow(/holdfast\.json cannot be used/);
    expect(check).toThrow(/budgets\.usr: there is no scope of this name; did you mean "user"/);
    expect(check).toThrow(/ladder/);
    expect(check).toThrow(/keys\.0\.name/);
    expect(check).toThrow(/upstreams/);
  });

  it('is told to editors by a schema that is up to date', () => {
    const place = new URL('../../../../integrations/cli/proxy/holdfast.schema.json', import.meta.url);
    if (process.env['UPDATE_SCHEMA'] === 'true') writeFileSync(place, `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
    const written: unknown = JSON.parse(readFileSync(place, 'utf8'));
    expect(written, 'run this test with UPDATE_SCHEMA=true').toEqual(JSON.parse(JSON.stringify(jsonSchema())));
    const properties = Object.keys((jsonSchema() as { properties: object }).properties);
    expect(properties.toSorted()).toEqual(Object.keys(whole).toSorted());
  });

  it.each(['ftp://host', 'nonsense', 'https://user:secret@host', 'https://host/?key=1', 'https://host/#x', 'file:///etc/passwd'])(
    'takes no upstream such as %s',
    (url) => {
      expect(() => upstreamAt({ url, idleMs: 1, sockets: 1 })).toThrow(/upstream: expected/);
    },
  );

  it.each([
    ['https://api.openai.com', 'https://api.openai.com/v1/messages?a=1'],
    ['https://api.openai.com/v1/', 'https://api.openai.com/v1/messages?a=1'],
    ['https://host/api/v1', 'https://host/api/v1/messages?a=1'],
    ['https://host/proxy', 'https://host/proxy/v1/messages?a=1'],
  ])('asks %s at %s', (url, address) => {
    const upstream = upstreamAt({ url, idleMs: 1, sockets: 1 });
    expect(upstream.address('/messages', '?a=1')).toBe(address);
    upstream.close();
  });
});

describe('holdfast proxy', () => {
  const run = async (...args: string[]) => {
    const { io, out, err } = capturedIo({ env });
    return { code: await proxyCommand.run(args, io), out: out(), err: err() };
  };

  it('makes keys, prints its schema, checks files', async () => {
    const made = await run('--new-key', '--json');
    expect(JSON.parse(made.out)).toEqual({
      key: expect.stringMatching(/^hf-[\w-]{32}$/) as string,
      sha256: expect.stringMatching(/^[\da-f]{64}$/) as string,
    });
    expect((await run('--new-key')).out).toMatch(/"sha256": "[\da-f]{64}"/);
    expect(JSON.parse((await run('--schema')).out)).toMatchObject({ title: 'holdfast proxy' });
    expect(await run('--check', '--config', file(JSON.stringify(whole)))).toMatchObject({
      code: 0,
      out: 'the configuration can be used\n',
    });
  });

  it.each([
    ['no file', ['--config', '/nowhere.json'], /cannot be read \(ENOENT\)/],
    ['no JSON', ['--config', file('{ "key": "a-secret", ')], /is not JSON/],
    ['an option that is not there', ['--config', file('{ "budget": {} }')], /budget/],
    ['no upstream', [], /give --upstream URL/],
    ['a port', ['--upstream', 'http://127.0.0.1:1', '--port', 'x'], /--port must be a whole number/],
    ['other machines without keys', ['--upstream', 'http://127.0.0.1:1', '--host', '0.0.0.0'], /needs `keys`/],
    [
      'a token that can be guessed',
      ['--config', file('{ "upstream": "http://127.0.0.1:1", "admin": { "token": "short" } }'), '--port', '0'],
      /can be guessed/,
    ],
    [
      'a variable that is not set',
      ['--config', file('{ "upstream": { "url": "http://127.0.0.1:1", "key": { "env": "NOT_SET" } } }')],
      /NOT_SET is not set/,
    ],
  ])('refuses %s', async (_, args, message) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toContain('a-secret');
  });
});
