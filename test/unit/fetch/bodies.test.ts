import { createGuard } from 'holdfast';
import { guardFetch, type GuardFetchOptions } from 'holdfast/fetch';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gpt, world } from './support.ts';

const json = JSON.stringify(gpt);
const pieces = (): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const part of [json.slice(0, 9), json.slice(9)]) controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });

const bodies: Record<string, () => RequestInit & { duplex?: 'half' }> = {
  'a string': () => ({ body: json }),
  'a Buffer': () => ({ body: Buffer.from(json) }),
  'an ArrayBuffer': () => ({ body: new TextEncoder().encode(json).buffer }),
  'a Blob': () => ({ body: new Blob([json]) }),
  'a ReadableStream': () => ({ body: pieces(), duplex: 'half' }),
};

describe('a body is read, metered and sent on, whatever it is', () => {
  it.each(Object.entries(bodies).flatMap(([name, init]) => [false, true].map((asRequest) => [name, asRequest, init] as const)))(
    '%s (in a Request: %s)',
    async (_name, asRequest, init) => {
      const { fetch, server, steps } = await world(() => 'Yes.', { budgets: { run: { tokens: 9_000 } } });
      const url = `${server.url}/chat/completions`;
      const given = { method: 'POST', headers: { 'x-mine': 'kept' }, ...init() };
      const response = await (asRequest ? fetch(new Request(url, given)) : fetch(new URL(url), given));
      expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Yes.' } }] });
      expect(server.requests).toMatchObject([{ maxOutputTokens: 4_096, headers: { 'x-mine': 'kept' } }]);
      expect(steps).toMatchObject([{ outcome: 'ok', isEstimated: false }]);
    },
  );
});

describe('what cannot be read is not served unmetered', () => {
  const form = new FormData();
  form.set('model', 'gpt-4o');
  const unreadable: Record<string, RequestInit> = {
    'a form': { body: form },
    'compressed JSON': { body: gzipSync(json), headers: { 'content-encoding': 'gzip' } },
    'no JSON': { body: '{"model":' },
    'a list': { body: '[]' },
    'no text': { body: Buffer.from([0xff, 0xfe, 0x7b]) },
    nothing: {},
  };
  const through = async (init: RequestInit & { duplex?: 'half' }, options: GuardFetchOptions = {}): Promise<[Response, number]> => {
    let sent = 0;
    const guard = createGuard();
    const fetch = guardFetch(guard, { ...options, fetch: () => Promise.resolve(Response.json({ sent: ++sent })) });
    const response = await fetch('http://provider.test/v1/chat/completions', { method: 'POST', ...init });
    await guard.close();
    return [response, sent];
  };

  it.each(Object.entries(unreadable))('%s is refused, or passed on where that is wished', async (_name, init) => {
    const [refusal, sent] = await through(init);
    expect([refusal.status, refusal.headers.get('x-should-retry'), sent]).toEqual([400, 'false', 0]);
    expect(await refusal.json()).toMatchObject({ error: { code: 'unreadable_body' } });
    const [passed, passedOn] = await through(init, { unreadableBodies: 'pass' });
    expect([passed.status, passedOn]).toEqual([200, 1]);
  });

  it('a request whose body was read before is refused as fetch refuses it', async () => {
    const used = new Request('http://provider.test/v1/chat/completions', { method: 'POST', body: json });
    await used.text();
    const guard = createGuard();
    await expect(guardFetch(guard)(used)).rejects.toThrow(await globalThis.fetch(used).catch(({ message }: Error) => message));
    const answered = await guardFetch(guard, { fetch: () => Promise.resolve(Response.json({ id: 'c1' })) })(used, { body: json });
    expect(await answered.json()).toEqual({ id: 'c1' });
    await guard.close();
  });

  it.each([
    ['chat/completions', 'max_tokens'],
    ['chat/completions', 'max_completion_tokens'],
    ['completions', 'max_tokens'],
    ['messages', 'max_tokens'],
    ['responses', 'max_output_tokens'],
  ])('a cap that is none, in %s %s, is none', async (path, field) => {
    // Servers at home take -1 for as much as the model likes.
    for (const cap of [-1, 1.5, 1e300]) {
      const sent: unknown[] = [];
      const guard = createGuard({ budgets: { run: { tokens: 100_000 } } });
      const fetch = guardFetch(guard, {
        fetch(_input, init) {
          sent.push((JSON.parse(init?.body as string) as Record<string, unknown>)[field]);
          return Promise.resolve(Response.json({ id: 'c1' }));
        },
      });
      const body = JSON.stringify({ ...gpt, input: 'Rain?', prompt: 'Rain?', n: cap, [field]: cap });
      const { status } = await fetch(`http://provider.test/v1/${path}`, { method: 'POST', body });
      expect([status, sent]).toEqual([200, [4_096]]);
      await guard.close();
    }
  });

  it('a path that is no text is the name of no model, and no error', async () => {
    const guard = createGuard();
    const fetch = guardFetch(guard, { fetch: () => Promise.resolve(Response.json({ id: 'c1' })) });
    const url = 'http://provider.test/openai/deployments/%E0%A4%A/chat/completions';
    expect((await fetch(url, { method: 'POST', body: JSON.stringify({ messages: [] }) })).status).toBe(200);
    await guard.close();
  });

  it('a body that cannot be written anew as the budget asks for is refused, and leaves nothing behind', async () => {
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const guard = createGuard({ budgets: { global: { tokens: 100_000 } } });
    const ended: unknown[] = [];
    guard.on('run:end', ({ report }) => void ended.push(report.used.tokens));
    let sent = 0;
    const fetch = guardFetch(guard, { fetch: () => Promise.resolve(Response.json({ sent: ++sent })) });
    const body = `{"model":"gpt-4o","input":"Rain?","metadata":${nested}}`;
    const refusal = await fetch('http://provider.test/v1/responses', { method: 'POST', body });
    expect([refusal.status, refusal.headers.get('x-should-retry'), sent]).toEqual([400, 'false', 0]);
    expect(await refusal.json()).toMatchObject({ error: { code: 'unreadable_body' } });
    expect([ended, (await guard.read('global')).held.tokens]).toEqual([[0], 0]);
    await guard.close();
  });

  it('a body that is too large is refused before it is read to its end', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1_000));
      },
    });
    const [refusal, sent] = await through(
      { body: endless, duplex: 'half' },
      {
        maxBodyBytes: 10_000,
        unreadableBodies: 'pass',
      },
    );
    expect([refusal.status, sent]).toEqual([413, 0]);
    expect(pulled).toBeLessThan(20);
    expect((await through({ body: 'x'.repeat(10_001) }, { maxBodyBytes: 10_000 }))[0].status).toBe(413);
  });
});

describe('other requests', () => {
  it.each([
    ['POST', 'http://provider.test/v1/files'],
    ['GET', 'http://provider.test/v1/chat/completions'],
    ['POST', 'http://provider.test/v1/threads/t1/messages'],
  ])('%s %s passes untouched, or is refused where that is wished', async (method, url) => {
    const seen: unknown[][] = [];
    const guard = createGuard();
    const upstream: typeof globalThis.fetch = (...args) => {
      seen.push(args);
      return Promise.resolve(Response.json({}));
    };
    const init = { method, headers: { a: 'b' } };
    await guardFetch(guard, { fetch: upstream })(url, init);
    expect(seen).toEqual([[url, init]]);
    expect(seen[0]?.[1]).toBe(init);
    expect((await guardFetch(guard, { fetch: upstream, otherPaths: 'refuse' })(url, init)).status).toBe(403);
    expect(seen).toHaveLength(1);
    await guard.close();
  });
});
