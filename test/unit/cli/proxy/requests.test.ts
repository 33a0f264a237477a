import { describe, expect, it } from 'vitest';
import { authenticateAnyone, authenticateBy, newKey, scopedBy } from '../../../../integrations/cli/proxy/keys.ts';
import { newAccounts } from '../../../../integrations/cli/proxy/new-accounts.ts';
import { routeOf } from '../../../../integrations/cli/proxy/routes.ts';
import { scopesOf } from '../../../../integrations/cli/proxy/scopes.ts';
import { secretsFrom } from '../../../../integrations/cli/proxy/configuration/secret.ts';
import { UsageError } from '../../../../integrations/cli/usage-error.ts';

const secrets = secretsFrom({ CLIENT_KEY: 'a-key-from-the-environment' });

describe('the path', () => {
  it('names a call that is known, and the ids in front of it', () => {
    expect(routeOf('POST', '/v1/chat/completions')).toEqual({
      kind: 'route',
      ids: {},
      query: '',
      route: { protocol: 'openai', api: 'chat', method: 'POST', path: '/chat/completions' },
    });
    expect(routeOf('POST', '/u/alice%20b/f/search/t/acme/r/r-1/v1/messages?beta=true')).toEqual({
      kind: 'route',
      ids: { user: 'alice b', feature: 'search', tenant: 'acme', run: 'r-1' },
      query: '?beta=true',
      route: { protocol: 'anthropic', api: 'messages', method: 'POST', path: '/messages' },
    });
    expect(routeOf('GET', '/v1/models/gpt-4o-mini')).toMatchObject({ kind: 'route', route: { api: 'free' } });
    expect(routeOf('POST', '/v1/messages/count_tokens')).toMatchObject({ kind: 'route', route: { api: 'free', protocol: 'anthropic' } });
  });

  it.each([
    ['POST', 'http://169.254.169.254/v1/chat/completions', 400],
    ['POST', '//evil.example/v1/chat/completions', 404],
    ['POST', '/v1/../admin', 404],
    ['POST', '/v1/chat/completions/../../admin', 404],
    ['POST', '/v1/chat%2fcompletions', 404],
    ['POST', '/v1/chat/completions/', 404],
    ['POST', '/V1/chat/completions', 404],
    ['POST', '/v1/files', 404],
    ['POST', '/v1/responses/resp_1/cancel', 404],
    ['GET', '/v1/models/..', 404],
    ['GET', '/v1/models/a..b', 404],
    ['GET', '/v1/chat/completions', 405],
    ['DELETE', '/v1/messages', 405],
    ['POST', '/u/alice/v1', 404],
    ['POST', '/u/v1/chat/completions', 404],
    ['POST', '/x/alice/v1/chat/completions', 404],
    ['POST', '/u/alice/u/bob/v1/chat/completions', 404],
    ['POST', '/u/%00/v1/chat/completions', 404],
    ['POST', '/u/%zz/v1/chat/completions', 404],
    ['POST', '/u//v1/chat/completions', 404],
    ['POST', `/u/${'a'.repeat(300)}/v1/chat/completions`, 404],
    ['POST', `/v1/chat/completions?${'a'.repeat(5_000)}`, 400],
    ['POST', '/v1/chat/completions?a=<script>', 400],
    ['OPTIONS', '*', 400],
    ['POST', '/constructor/x/v1/messages', 404],
  ])('is refused: %s %s', (method, target, status) => {
    expect(routeOf(method, target)).toMatchObject({ kind: 'refusal', status });
  });
});

describe('keys', () => {
  it('are known by their hash or themselves, from either header', () => {
    const { key, sha256 } = newKey();
    const authenticate = authenticateBy(
      [
        { name: 'hashed', sha256, scopes: { tenant: 'acme', user: 7 } },
        { name: 'from-env', key: { env: 'CLIENT_KEY' }, trustIds: true },
      ],
      secrets,
    );
    expect(authenticate({ authorization: `Bearer ${key}` })).toEqual({
      name: 'hashed',
      scopes: { tenant: 'acme', user: '7' },
      trustIds: false,
      own: scopedBy('hashed', { tenant: 'acme', user: '7' }),
    });
    expect(authenticate({ 'x-api-key': 'a-key-from-the-environment' })).toMatchObject({ name: 'from-env', trustIds: true });
    for (const headers of [
      {},
      { authorization: `Bearer ${key}x` },
      { authorization: `Basic ${key}` },
      { authorization: sha256 },
      { authorization: `Bearer ${sha256}` },
      { 'x-api-key': '' },
      { 'x-api-key': 'k'.repeat(100_000) },
    ])
      expect(authenticate(headers), JSON.stringify(headers).slice(0, 60)).toBeUndefined();
  });

  it.each([
    [[{ name: 'a' }], /give `sha256`, or `key`/],
    [[{ name: 'a', key: 'too-short' }], /can be guessed/],
    [[{ name: 'a', key: { env: 'NOT_SET' } }], /NOT_SET is not set/],
    [
      [
        { name: 'a', key: 'one-key-of-enough-letters' },
        { name: 'a', key: 'another-key-of-enough-letters' },
      ],
      /the name "a" comes twice/,
    ],
    [
      [
        { name: 'a', key: 'one-key-of-enough-letters' },
        { name: 'b', key: 'one-key-of-enough-letters' },
      ],
      /the same key comes twice/,
    ],
  ])('that cannot be used are refused, and never shown: %#', (parts, message) => {
    const authenticate = (): unknown => authenticateBy(parts, secrets);
    expect(authenticate).toThrow(UsageError);
    expect(authenticate).toThrow(message);
    expect(authenticate).not.toThrow(/of-enough-letters|too-short/);
  });

  it('make each credential a user of its own where none are configured', () => {
    const one = authenticateAnyone({ authorization: 'Bearer sk-one' });
    expect(one).toMatchObject({ trustIds: false, scopes: { user: one?.name } });
    expect(one?.name).not.toContain('sk-one');
    expect(authenticateAnyone({ authorization: 'Bearer sk-two' })?.name).not.toBe(one?.name);
  });
});

describe('scopes', () => {
  const scopes = { tenant: 'acme' };
  const caller = { name: 'search-team', scopes, trustIds: false, own: scopedBy('search-team', scopes) };
  const owned = (by: Record<string, string>): string => JSON.stringify(['search-team', by]);

  it('come from the key alone, unless it is trusted', () => {
    const own = { user: 'search-team', tenant: 'acme' };
    expect(scopesOf(caller, {}, {})).toEqual({ kind: 'scopes', scopes: own, owner: owned(own), run: undefined });
    expect(scopesOf(caller, { user: 'alice' }, {})).toMatchObject({ kind: 'refusal', status: 403 });
    expect(scopesOf(caller, {}, { 'holdfast-session': 's' })).toMatchObject({ kind: 'refusal', status: 403 });
    expect(scopesOf(caller, { run: 'r' }, {})).toMatchObject({ kind: 'scopes', run: 'r' });
  });

  it('of a trusted key are filled in, never replaced', () => {
    const trusted = { ...caller, trustIds: true };
    expect(scopesOf(trusted, { user: 'alice' }, { 'holdfast-feature': 'search', 'holdfast-run': 'r' })).toEqual({
      kind: 'scopes',
      scopes: { tenant: 'acme', user: 'alice', feature: 'search' },
      owner: owned({ user: 'alice', feature: 'search', tenant: 'acme' }),
      run: 'r',
    });
    expect(scopesOf(trusted, { tenant: 'other' }, {})).toMatchObject({ status: 403 });
    expect(scopesOf(trusted, { tenant: 'acme' }, {})).toMatchObject({ kind: 'scopes' });
    expect(scopesOf(trusted, { user: 'alice' }, { 'holdfast-user': 'bob' })).toMatchObject({ status: 400 });
    for (const id of ['', 'a\u0000b', 'a\u202Eb', 'x'.repeat(257)])
      expect(scopesOf(trusted, {}, { 'holdfast-user': id })).toMatchObject({ status: 400 });
  });
});

describe('new accounts', () => {
  it('are bounded for each tenant and hour; those that are known go on', () => {
    const accounts = newAccounts(3);
    const start = 1_800_000_000_000;
    const user = (tenant: string, id: string, at = start): boolean => accounts.admit({ tenant, user: id }, at).isAdmitted;
    expect(['a', 'b', 'c', 'd', 'a'].map((id) => user('acme', id))).toEqual([true, true, true, false, true]);
    expect(user('other', 'd')).toBe(true);
    expect(accounts.admit({ tenant: 'acme', user: 'e' }, start)).toMatchObject({ isAdmitted: false, waitS: expect.any(Number) as number });
    expect(user('acme', 'd', start + 3_600_000)).toBe(true);
    expect(accounts.admit({ tenant: 'acme', user: 'a', session: 'new' }, start + 3_600_000).isAdmitted).toBe(true);
  });

  it('keep no more tenants than there is room for', () => {
    const accounts = newAccounts(1);
    const admitted = Array.from({ length: 10_050 }, (_, place) => accounts.admit({ tenant: `t${place}` }, 1_800_000_000_000).isAdmitted);
    expect(admitted.filter((isAdmitted) => !isAdmitted)).toHaveLength(50);
    expect(accounts.admit({ tenant: 'late' }, 1_800_000_000_000 + 3 * 3_600_000).isAdmitted).toBe(true);
  });
});
