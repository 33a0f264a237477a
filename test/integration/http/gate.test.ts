import { gzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { InvalidOptionError } from 'holdfast';
import { httpGate, rateLimitFields, type HttpGateOptions } from 'holdfast/http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answer, listen, post, servers, until, watchedGuard, type Served } from './support.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const opened = async (served: Promise<Served>): Promise<number> => {
  const { port, close } = await served;
  closing.push(close);
  return port;
};

const scopes: HttpGateOptions['scopes'] = (request) => {
  const user = request.header('x-user');
  return user === undefined ? null : { user, feature: 'chat' };
};

describe.each(Object.entries(servers))('the gate before %s', (_, serve) => {
  it('lets a request in within a run of its own, and the handler reads the body as if nobody had', async () => {
    const { guard, ended } = watchedGuard({ budgets: { user: { tokens: 10_000, window: 'day' } } });
    const gate = httpGate(guard, { scopes, agent: 'support' });
    const bodies: string[] = [];
    const port = await opened(
      serve(gate, async (body, admission) => {
        bodies.push(body, admission.text());
        return `${await answer(guard)} (${admission.offer}, ${admission.inputTokens} tokens)`;
      }),
    );
    const { status, body, headers } = await post(port, '{"message":"hello"}');
    expect({ status, body }).toEqual({ status: 200, body: expect.stringMatching(/^an answer \(full, [1-9]\d* tokens\)$/) as string });
    expect(bodies).toEqual(['{"message":"hello"}', '{"message":"hello"}']);
    expect(headers['ratelimit-policy']).toBe('"user-tokens";q=10000;qu="tokens";w=86400');
    expect(headers['ratelimit']).toMatch(/^"user-tokens";r=10000;t=\d+$/);
    await until(() => ended.length === 1);
    expect(ended).toEqual([{ scopes: { user: 'ann', feature: 'chat' }, steps: 1, tokens: 120, outcomes: ['ok'] }]);
  });

  it('refuses what has no room with 429, when to come back, and problem details', async () => {
    const { guard, live } = watchedGuard({ budgets: { user: { tokens: 250, window: 'hour' } } });
    const gate = httpGate(guard, { scopes });
    let handled = 0;
    const port = await opened(
      serve(gate, async () => {
        handled += 1;
        return answer(guard);
      }),
    );
    expect((await post(port, 'hi')).status).toBe(200);
    expect((await post(port, 'hi')).status).toBe(200);
    const refused = await post(port, 'hello there, this is a longer message than the budget still has room for');
    expect(refused.status).toBe(429);
    expect(refused.headers['content-type']).toBe('application/problem+json');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(3600);
    expect(refused.headers['ratelimit']).toMatch(/^"user-tokens";r=10;t=\d+$/);
    expect(JSON.parse(refused.body)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      code: 'budget_exceeded',
      scope: 'user',
      dimension: 'tokens',
      limit: 250,
      used: 240,
      resetsAt: expect.stringMatching(/:00:00\.000Z$/) as string,
      'violated-policies': ['user-tokens'],
    });
    expect(handled).toBe(2);
    expect((await post(port, 'hi', { 'x-user': 'ben' })).status).toBe(200);
    await until(() => live() === 0);
  });

  it('answers a halt inside the handler with the same problem details', async () => {
    const { guard } = watchedGuard({ budgets: { run: { modelCalls: 2 } } });
    const port = await opened(
      serve(httpGate(guard, { scopes }), async () => {
        for (;;) await answer(guard);
      }),
    );
    const refused = await post(port, 'hi');
    expect({ status: refused.status, type: refused.headers['content-type'] }).toEqual({ status: 429, type: 'application/problem+json' });
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'budget_exceeded',
      scope: 'run',
      dimension: 'modelCalls',
      limit: 2,
      resetsAt: null,
    });
    expect(refused.headers['retry-after']).toBeUndefined();
  });

  it('offers less as the budget fills, and what costs nothing where it is used up', async () => {
    const { guard } = watchedGuard({ budgets: { user: { modelCalls: 4, window: 'day' } } });
    const gate = httpGate(guard, {
      scopes,
      offers: [
        { name: 'cached', at: 1 },
        { name: 'cheaper', at: 0.75 },
      ],
    });
    const port = await opened(
      serve(gate, async (_body, { offer }) => {
        if (offer !== 'cached') await answer(guard);
        return offer;
      }),
    );
    const offers: string[] = [];
    for (let request = 0; request < 6; request += 1) offers.push((await post(port, 'hi')).body);
    expect(offers).toEqual(['full', 'full', 'cheaper', 'cheaper', 'cached', 'cached']);
  });

  it('asks who it is before it reads anything', async () => {
    const { guard, live } = watchedGuard();
    const port = await opened(serve(httpGate(guard, { scopes: () => null }), async () => 'served'));
    const refused = await post(port, 'hi');
    expect({ status: refused.status, code: (JSON.parse(refused.body) as { code: string }).code }).toEqual({
      status: 401,
      code: 'unknown_caller',
    });
    expect(live()).toBe(0);
  });

  it('takes bodies that are chunked, and looks into compressed ones without changing them for the handler', async () => {
    const { guard } = watchedGuard();
    const gate = httpGate(guard, { scopes, maxInputTokens: 1_000 });
    const port = await opened(serve(gate, async (body, admission) => `${admission.text()}|${body.length}`));
    const text = JSON.stringify({ message: 'hello' });
    async function* pieces() {
      for (const letter of text) yield Buffer.from(letter);
    }
    expect(await post(port, pieces())).toMatchObject({ status: 200, body: `${text}|${text.length}` });
    const packed = await post(port, gzipSync(text), { 'content-encoding': 'gzip' });
    expect(packed).toMatchObject({ status: 200, body: expect.stringMatching(/^\{"message":"hello"\}\|\d+$/) as string });
    expect((await post(port, '')).status).toBe(200);
  });

  it('refuses a body above its limits: by its length unread, chunked when it is there, tokens, bombs, nonsense', async () => {
    const { guard, live } = watchedGuard();
    const gate = httpGate(guard, { scopes, maxBodyBytes: 20_000, maxInputTokens: 500, bodyTimeoutMs: 500 });
    let handled = 0;
    const port = await opened(
      serve(gate, async () => {
        handled += 1;
        return 'served';
      }),
    );
    let sent = 0;
    async function* endless() {
      for (;;) {
        sent += 10_000;
        yield Buffer.alloc(10_000, 'a');
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    async function* slow() {
      for (;;) {
        yield Buffer.from('a');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    const cases: [string, Parameters<typeof post>[1], Record<string, string>, number][] = [
      ['body_too_large', 'x', { 'content-length': '1073741824' }, 413],
      ['body_too_large', endless(), {}, 413],
      ['body_too_slow', slow(), {}, 408],
      ['input_too_large', 'word '.repeat(2_000), {}, 413],
      ['body_too_large', gzipSync(Buffer.alloc(10_000_000)), { 'content-encoding': 'gzip' }, 413],
      ['broken_encoding', 'not gzip', { 'content-encoding': 'gzip' }, 400],
      ['unknown_encoding', 'x', { 'content-encoding': 'zstd' }, 415],
      ['unknown_encoding', 'x', { 'content-encoding': 'gzip, gzip, gzip' }, 415],
    ];
    for (const [code, body, headers, status] of cases) {
      const refused = await post(port, body, headers);
      expect({ status: refused.status, code: (JSON.parse(refused.body) as { code: string }).code }, code).toEqual({ status, code });
    }
    expect(sent).toBeLessThan(20_000_000);
    expect(handled).toBe(0);
    expect(live()).toBe(0);
  });

  it('keeps the run until a streamed response has been sent, and its steps draw on the budget', async () => {
    const { guard, ended } = watchedGuard({ budgets: { user: { tokens: 100_000, window: 'day' } } });
    const gate = httpGate(guard, { scopes });
    const port = await opened(
      serve(gate, async () => {
        let piece = 0;
        return new ReadableStream<Uint8Array>(
          {
            async pull(controller) {
              piece += 1;
              if (piece > 3) return controller.close();
              controller.enqueue(Buffer.from(`${piece}: ${await answer(guard)}\n`));
            },
          },
          { highWaterMark: 0 },
        );
      }),
    );
    const { body } = await post(port, 'hi');
    expect(body).toBe('1: an answer\n2: an answer\n3: an answer\n');
    await until(() => ended.length === 1);
    expect(ended[0]).toMatchObject({ steps: 3, tokens: 360 });
  });

  it('aborts the run of a client that leaves, and books what its steps used', async () => {
    const { guard, ended } = watchedGuard({ budgets: { user: { tokens: 100_000, window: 'day' } } });
    const gate = httpGate(guard, { scopes });
    let begun!: () => void;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const port = await opened(
      serve(gate, async (_body, { run }) => {
        await answer(guard);
        await run.step({ kind: 'model', model: 'gpt-4o-mini', input: 'hello', maxOutputTokens: 50 }, async (_offer, signal) => {
          begun();
          await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
          return { output: '' };
        });
        return 'never';
      }),
    );
    const leaving = new AbortController();
    const asked = post(port, 'hi', {}, leaving.signal);
    asked.catch(() => {});
    await hasBegun;
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await until(() => ended.length === 1);
    // The second call had been sent: its input is booked, what was held for its output is given back.
    expect(ended[0]).toMatchObject({ steps: 2, outcomes: ['ok', 'error'] });
    expect(ended[0]?.tokens).toBeGreaterThan(120);
    const { held } = await guard.read('user', 'ann');
    expect(held.tokens).toBe(0);
  });
});

describe('the gate', () => {
  it('names options that cannot be used', () => {
    const { guard } = watchedGuard();
    expect(() => httpGate(guard, {} as never)).toThrow(InvalidOptionError);
    expect(() => httpGate(guard, { scopes, maxBodyBytes: 0, offers: [{ name: 'full', at: 2 }] })).toThrow(
      /maxBodyBytes[\s\S]*offers\.0\.name[\s\S]*offers\.0\.at/,
    );
  });

  it('lets a user shape the problem, and sends its own where that fails', async () => {
    const { guard } = watchedGuard({ budgets: { user: { tokens: 0 } } });
    const request = (): Request => new Request('http://localhost/chat', { method: 'POST', body: 'hi', headers: { 'x-user': 'ann' } });
    const handler = () => new Response('served');
    const shaped = httpGate(guard, {
      scopes,
      problem: ({ title, status }) => ({ type: 'about:blank', title, status, detail: '', code: 'mine' }),
    });
    expect(await (await shaped.web(handler)(request())).json()).toMatchObject({ code: 'mine' });
    const throwing = httpGate(guard, {
      scopes,
      problem: () => {
        throw new Error('broken');
      },
    });
    expect(await (await throwing.web(handler)(request())).json()).toMatchObject({ code: 'budget_exceeded' });
  });

  it('serves nobody whom it could not judge: a handler of one’s own is not called in the place of an error', async () => {
    const { guard, live } = watchedGuard({ requireScopes: ['user'] });
    const broken: HttpGateOptions['scopes'][] = [
      () => {
        throw new Error('the sessions are down');
      },
      () => ({}),
    ];
    for (const scopesOf of broken) {
      const gate = httpGate(guard, { scopes: scopesOf });
      let handled = 0;
      const port = await opened(
        listen((request, response) => {
          const served = gate.node(request, response, async () => {
            handled += 1;
            response.end('served without a guard');
          });
          served.catch(() => response.writeHead(500).end());
        }),
      );
      expect([(await post(port, 'hi')).status, handled]).toEqual([500, 0]);
      const told: unknown[] = [];
      const other = await opened(
        listen((request, response) => {
          const served = gate.node(request, response, async (error) => {
            told.push(error);
            response.writeHead(503).end();
          });
          served.catch(() => response.destroy());
        }),
      );
      expect([(await post(other, 'hi')).status, told]).toEqual([503, [expect.any(Error)]]);
    }
    expect(live()).toBe(0);
  });

  it('counts the whole body where the user’s function finds no text in it', async () => {
    const { guard } = watchedGuard();
    const texts: HttpGateOptions['inputText'][] = [(body) => (JSON.parse(body) as { message: string }).message, () => undefined as never];
    for (const inputText of texts) {
      const gate = httpGate(guard, { scopes, maxInputTokens: 10, inputText });
      const ask = async (body: string): Promise<number> => {
        const request = new Request('http://localhost/chat', { method: 'POST', body, headers: { 'x-user': 'ann' } });
        return (await gate.web(() => new Response('served'))(request)).status;
      };
      expect([await ask('{"message": '), await ask('word '.repeat(20))]).toEqual([200, 413]);
    }
  });

  it('ends the run of a HEAD request, whose body nobody reads', async () => {
    const { guard, ended, live } = watchedGuard();
    const gate = httpGate(guard, { scopes });
    let isCancelled = false;
    const body = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: () => {}, cancel: () => void (isCancelled = true) });
    const handler = gate.web(() => new Response(body(), { headers: { 'x-own': '1' } }));
    const app = new Hono().get('/chat', (context) => handler(context.req.raw));
    const response = await app.request('/chat', { method: 'HEAD', headers: { 'x-user': 'ann' } });
    expect([response.status, response.headers.get('x-own'), response.body]).toEqual([200, '1', null]);
    await until(() => live() === 0);
    expect([ended.length, isCancelled]).toEqual([1, true]);
  });

  it('ends the run of a response that a server dropped without a word', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { guard, ended } = watchedGuard();
      const gate = httpGate(guard, { scopes: () => ({}) });
      const pieces = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: (made) => made.enqueue(Buffer.from('piece')) });
      const signals: AbortSignal[] = [];
      const ask = (): Promise<Response> =>
        gate.web((_request, { run }) => {
          signals.push(run.signal);
          return new Response(pieces());
        })(new Request('http://localhost/'));
      const [dropped, read] = [await ask(), (await ask()).body!.getReader()];
      expect(dropped.body).not.toBe(null);
      for (let minutes = 0; minutes < 60; minutes += 30) {
        await read.read();
        await vi.advanceTimersByTimeAsync(30 * 60_000);
      }
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
      await read.cancel();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(ended).toHaveLength(2);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('says what it is where a client leaves before its body has arrived', async () => {
    const { guard } = watchedGuard();
    const leaving = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => leaving.signal.addEventListener('abort', () => controller.error(new Error('ECONNRESET'))),
    });
    const request = new Request('http://localhost/chat', {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'x-user': 'ann' },
    });
    const answered = httpGate(guard, { scopes }).web(() => new Response('served'))(request);
    leaving.abort();
    const refused = await answered;
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([400, 'body_incomplete']);
  });

  it('passes on what the handler throws, and the arguments of the server', async () => {
    const { guard, live } = watchedGuard();
    const gate = httpGate(guard, { scopes: () => ({}) });
    const failing = gate.web((_request, _admission, context: { id: number }) => {
      throw new Error(`broken ${context.id}`);
    });
    await expect(failing(new Request('http://localhost/'), { id: 7 })).rejects.toThrow('broken 7');
    await until(() => live() === 0);
  });

  it('keeps the status, headers and null bodies of a response', async () => {
    const { guard, live } = watchedGuard({ budgets: { user: { tokens: 100, window: 'day' } } });
    const gate = httpGate(guard, { scopes });
    const ask = (response: () => Response): Promise<Response> =>
      gate.web(response)(new Request('http://localhost/', { headers: { 'x-user': 'ann' } }));
    const empty = await ask(() => new Response(null, { status: 204, headers: { 'x-own': '1', ratelimit: 'own' } }));
    expect([empty.status, empty.headers.get('x-own'), empty.headers.get('ratelimit')]).toEqual([204, '1', 'own']);
    expect((await ask(() => Response.redirect('http://localhost/elsewhere', 302))).status).toBe(302);
    await until(() => live() === 0);
  });

  it('tells limits as structured fields', () => {
    const account = (over: object) => ({ tenant: 'default', scope: 'user', id: 'u', used: {}, held: {}, ...over }) as never;
    const now = Date.UTC(2026, 1, 10);
    expect(rateLimitFields([], now)).toEqual({});
    expect(
      rateLimitFields(
        [
          account({
            window: 'month@Europe/Berlin',
            limits: { usd: 0.5 },
            remaining: { usd: 0.123_456_7 },
            resetsAt: Date.UTC(2026, 1, 28, 23),
          }),
          account({ scope: 'session', window: 'lifetime', limits: { steps: 10 }, remaining: { steps: -2 }, resetsAt: null }),
          account({ scope: 'my-own', window: 'rolling-90000ms', limits: { toolCalls: 5 }, remaining: { toolCalls: 5 }, resetsAt: now + 1 }),
        ],
        now,
      ),
    ).toEqual({
      'ratelimit-policy': '"user-usd";q=500000;qu="micro-usd";w=2419200, "session-steps";q=10, "my-own-toolCalls";q=5;w=90',
      ratelimit: '"user-usd";r=123456;t=1638000, "session-steps";r=0, "my-own-toolCalls";r=5;t=1',
    });
  });
});
