import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { chat, clientKey, closeAll, closeLater, post, raw, staged, until, type Stage } from './support.ts';

afterEach(closeAll);

const budgets = { user: { tokens: 10_000_000 }, global: { modelCalls: 1_000_000 } };
const small = {
  bodyBytes: 100_000,
  headersTimeoutMs: 1_000,
  bodyTimeoutMs: 1_000,
  clientIdleMs: 1_000,
  upstreamIdleMs: 1_000,
  headerBytes: 8_192,
};
const abused = (more: Parameters<typeof staged>[0] = {}): Promise<Stage> =>
  staged({
    guard: { budgets },
    ...more,
    configuration: { bounds: { ...small, ...(more.configuration?.['bounds'] as object | undefined) } },
  });

/** An upstream that does what it likes. */
async function upstream(listener: RequestListener): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    request.resume();
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closeLater(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked: () => asked };
}

/** After whatever happened: nothing is held, and whoever behaves is served and booked. */
async function expectUnharmed({ proxy, guard, server }: Stage): Promise<void> {
  const before = (await guard.read('user', 'client')).used.modelCalls;
  const sent = server.requests.length;
  expect((await post(proxy, chat(`an honest question ${Math.random()}`))).status).toBe(200);
  await expect.poll(async () => (await guard.read('user', 'client')).used.modelCalls).toBe(before + 1);
  expect(server.requests.length).toBe(sent + 1);
  await expectNothingHeld({ guard });
}

async function expectNothingHeld({ guard }: Pick<Stage, 'guard'>): Promise<void> {
  await expect
    .poll(async () => (await guard.list({ most: 1_000 })).filter(({ held }) => Object.values(held).some((amount) => amount > 0)))
    .toEqual([]);
}

const head = (...lines: string[]): string =>
  [
    'POST /v1/chat/completions HTTP/1.1',
    'host: proxy',
    `authorization: Bearer ${clientKey}`,
    'content-type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n');

describe('the proxy under abuse', () => {
  it('refuses bodies that are no calls, in words, and calls nobody for them', async () => {
    const stage = await abused();
    const deep = `{"model":"m","messages":${'['.repeat(40_000)}${']'.repeat(40_000)}}`;
    const cases: [string, string | Uint8Array, Record<string, string>, number][] = [
      ['empty', '', {}, 400],
      ['no JSON', '{"model":', {}, 400],
      ['a list', '[]', {}, 400],
      ['null', 'null', {}, 400],
      ['no model', '{"messages":[]}', {}, 400],
      ['a model that is none', '{"model":{"$gt":""},"messages":[]}', {}, 400],
      ['a very long model', JSON.stringify({ model: 'm'.repeat(10_000) }), {}, 400],
      ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), {}, 400],
      ['nested without end', deep, {}, 400],
      ['too large', 'x'.repeat(100_001), {}, 413],
      ['a bomb', gzipSync(Buffer.alloc(20_000_000, ' ')), { 'content-encoding': 'gzip' }, 413],
      ['no gzip', '{}', { 'content-encoding': 'gzip' }, 400],
      ['an unknown encoding', '{}', { 'content-encoding': 'compress' }, 415],
      ['no key', chat('hi'), { authorization: '' }, 401],
      ['another key', chat('hi'), { authorization: 'Bearer nobody' }, 401],
      ['a run that is none', chat('hi'), { 'holdfast-run': 'x'.repeat(300) }, 400],
    ];
    for (const [name, body, headers, status] of cases) {
      const response = await post(stage.proxy, body, headers);
      expect(response.status, name).toBe(status);
      expect(await response.json(), name).toHaveProperty('error.message');
    }
    expect(stage.server.requests).toHaveLength(0);
    await expectUnharmed(stage);
  });

  it('takes a compressed call, and one whose names come twice goes up as it was read', async () => {
    const stage = await abused();
    expect((await post(stage.proxy, gzipSync(chat('hi')), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await post(stage.proxy, `{"model":"gpt-4o","model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}]}`)).status).toBe(
      200,
    );
    expect(stage.server.requests.map(({ model }) => model)).toEqual(['gpt-4o-mini', 'gpt-4o-mini']);
  });

  it.each([
    ['two lengths', head('content-length: 2', 'content-length: 3') + '{}'],
    ['a length and chunks', head('content-length: 2', 'transfer-encoding: chunked') + '0\r\n\r\n'],
    ['chunks and a length', head('transfer-encoding: chunked', 'content-length: 2') + '0\r\n\r\n'],
    ['a coding that is none', head('transfer-encoding: xchunked') + '0\r\n\r\n'],
    ['chunked first', head('transfer-encoding: chunked, identity') + '0\r\n\r\n'],
    ['a space before the colon', head('transfer-encoding : chunked') + '0\r\n\r\n'],
    ['a folded header', head('x-a: b\r\n transfer-encoding: chunked') + '0\r\n\r\n'],
    ['a length with a sign', head('content-length: +2') + '{}'],
    ['a length in hex', head('content-length: 0x2') + '{}'],
    ['a chunk size that is none', head('transfer-encoding: chunked') + 'zz\r\n{}\r\n0\r\n\r\n'],
    ['a bare line feed', head().replaceAll('\r\n', '\n').replace('\n\n', '\nx\u0000: y\n\n')],
    ['no host', head('content-length: 0').replace('host: proxy\r\n', '')],
    ['two hosts', head('host: other', 'content-length: 2') + '{}'],
    ['an absolute target', head('content-length: 0').replace('/v1/chat', 'http://127.0.0.1:1/v1/chat')],
    ['no HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'],
  ])('lets nothing through that could be read in two ways: %s', async (_, text) => {
    const stage = await abused();
    const { received } = await raw(stage.proxy.port, text);
    await until(() => received() !== '', 'an answer');
    expect(received()).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(stage.server.requests).toHaveLength(0);
    await expectUnharmed(stage);
  });

  it('reads what follows a request as a request of its own, which needs a key of its own', async () => {
    const stage = await abused();
    const body = chat('hi');
    const second = `POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const { received } = await raw(stage.proxy.port, `${head(`content-length: ${body.length}`)}${body}${second}`);
    await until(() => received().includes('401'), 'the second answer');
    expect(received()).toMatch(/^HTTP\/1\.1 200 /);
    expect(stage.server.requests).toHaveLength(1);
  });

  it('neither tunnels nor changes protocols', async () => {
    const stage = await abused();
    for (const text of [
      `CONNECT 127.0.0.1:1 HTTP/1.1\r\nhost: 127.0.0.1:1\r\nauthorization: Bearer ${clientKey}\r\n\r\n`,
      head('connection: upgrade', 'upgrade: websocket', 'content-length: 0'),
      head('connection: upgrade, http2-settings', 'upgrade: h2c', 'content-length: 0'),
    ]) {
      const { received, closed } = await raw(stage.proxy.port, text);
      await closed;
      expect(received()).not.toMatch(/ [12]\d\d /);
    }
    expect(stage.server.requests).toHaveLength(0);
    await expectUnharmed(stage);
  });

  it('hangs up on those who send slowly, and serves others meanwhile', async () => {
    const stage = await abused();
    const slow = await Promise.all([
      ...Array.from({ length: 20 }, () => raw(stage.proxy.port, 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a: ')),
      ...Array.from({ length: 20 }, () => raw(stage.proxy.port, `${head('content-length: 1000')}{"model":`)),
      ...Array.from({ length: 20 }, () => raw(stage.proxy.port, `${head('transfer-encoding: chunked')}1\r\n{\r\n`)),
    ]);
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('a');
    }, 50);
    closeLater(async () => clearInterval(drip));
    await expectUnharmed(stage);
    await Promise.all(slow.map(({ closed }) => closed));
    clearInterval(drip);
    await expectUnharmed(stage);
  });

  it.each([
    ['told by its length', head('content-length: 1073741824'), false],
    ['in chunks', head('transfer-encoding: chunked'), true],
  ])('reads no more of a body of 1 GB than its limit, %s', async (_, start, isChunked) => {
    const stage = await abused({ configuration: { bounds: { bodyTimeoutMs: 10_000 } } });
    const piece = Buffer.alloc(65_536, 'a');
    const bytes = isChunked ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece;
    const { socket, closed, received } = await raw(stage.proxy.port, start);
    for (let sent = 0; sent < 2 ** 30 && !socket.destroyed; sent += bytes.length) {
      if (socket.write(bytes)) continue;
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    await closed;
    // What the buffers of both ends take, and no gigabyte.
    expect(socket.bytesWritten).toBeLessThan(64 * 1024 * 1024);
    expect(received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(stage.server.requests).toHaveLength(0);
    await expectUnharmed(stage);
  });

  it('refuses bombs of headers', async () => {
    const stage = await abused();
    const many = Array.from({ length: 5_000 }, (_, place) => `x-${place}: y`);
    for (const text of [
      head(`x-long: ${'a'.repeat(20_000)}`),
      head(...many),
      `POST /v1/${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    ]) {
      const { received, closed } = await raw(stage.proxy.port, text);
      await closed;
      expect(received()).toMatch(/^HTTP\/1\.1 431 /);
    }
    await expectUnharmed(stage);
  });

  it('serves no more at once than it may, and says so', async () => {
    const stage = await abused({
      script: () => ({ text: 'Hello!', delayMs: 200 }),
      configuration: { bounds: { inFlight: 3, upstreamIdleMs: 5_000 } },
    });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, place) => post(stage.proxy, chat(`question ${place}`))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(12);
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
    expect(statuses).toContain(503);
    expect(stage.server.requests).toHaveLength(statuses.filter((status) => status === 200).length);
    await expectUnharmed(stage);
  });

  it('holds no more bodies at once than it has memory for', async () => {
    const stage = await abused({ configuration: { bounds: { bufferedBytes: 150_000, bodyTimeoutMs: 5_000 } } });
    const { socket } = await raw(stage.proxy.port, `${head('content-length: 90000')}{`);
    await expect.poll(async () => (await post(stage.proxy, chat('x'.repeat(80_000)))).status).toBe(503);
    socket.destroy();
    await expect.poll(async () => (await post(stage.proxy, chat('x'.repeat(80_000)))).status).toBe(200);
    await expectUnharmed(stage);
  });

  it('lets in no more connections than it may', async () => {
    const stage = await abused({ configuration: { bounds: { connections: 10, headersTimeoutMs: 2_000 } } });
    const idle = await Promise.all(Array.from({ length: 30 }, () => raw(stage.proxy.port, '')));
    const open = (): number => idle.filter(({ socket }) => !socket.destroyed).length;
    await until(() => open() <= 10, 'the surplus to be hung up on');
    for (const { socket } of idle) socket.destroy();
    const lives = (): Promise<boolean> =>
      fetch(`${stage.proxy.url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(lives).toBe(true);
    await expectUnharmed(stage);
  });

  it('drops a client that does not read, and books what it was sent', async () => {
    const flood = await upstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const line = Buffer.from(`: ${'nothing '.repeat(1_000)}\n\n`);
      const more = (): void => {
        while (!response.destroyed && response.write(line));
        response.once('drain', more);
      };
      more();
    });
    const stage = await abused({ upstream: flood.url, guard: { budgets: { global: { steps: 1_000 } } } });
    const body = chat('hi', { stream: true });
    const { socket, closed } = await raw(stage.proxy.port, `${head(`content-length: ${body.length}`)}${body}`);
    socket.pause();
    await expect.poll(flood.asked).toBe(1);
    await expect.poll(async () => (await stage.guard.read('global')).held.steps, { timeout: 10_000 }).toBe(0);
    socket.resume();
    await closed;
    expect((await stage.guard.read('global')).used.steps).toBe(1);
  });
});

describe('the proxy before a broken upstream', () => {
  const hang: RequestListener = () => {};
  const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'half an answer' } }] })}\n\n`;
  const begin: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event);
  };
  const cases: [string, RequestListener, number | 'broken', string?][] = [
    ['hangs', hang, 504],
    ['hangs in the middle of a stream', begin, 'broken'],
    ['resets', (request) => void request.socket.destroy(), 502],
    [
      'resets in the middle of a stream',
      (request, response) => {
        begin(request, response);
        setTimeout(() => request.socket.destroy(), 30);
      },
      'broken',
    ],
    ['speaks no HTTP', (request) => void request.socket.end('220 smtp ready\r\n'), 502],
    ['sends a redirect', (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(), 502],
    ['sends a bomb of headers', (_, response) => void response.writeHead(200, { 'x-a': 'a'.repeat(100_000) }).end('{}'), 502],
    ['sends no JSON', (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>'), 200],
    ['sends nothing', (_, response) => void response.writeHead(200).end(), 200],
    [
      'sends a broken stream',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"cho\n\ndata: [1\n\nevent: x\n'),
      200,
    ],
    ['fails', (_, response) => void response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}'), 500],
    [
      'promises more than it sends',
      (_, response) => void (response.writeHead(200, { 'content-length': '1000' }).write('{'), setTimeout(() => response.destroy(), 30)),
      502,
    ],
  ];

  it.each(cases)('that %s: nothing is held, the call is booked, and the client is not left waiting', async (_, listener, status) => {
    const broken = await upstream(listener);
    const stage = await abused({ upstream: broken.url });
    const response = await post(stage.proxy, chat('hi', { stream: true }));
    if (status === 'broken') {
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
    } else {
      expect(response.status).toBe(status);
      await response.text();
    }
    expect(broken.asked()).toBe(1);
    await expectNothingHeld(stage);
    expect((await stage.guard.read('user', 'client')).used.modelCalls).toBe(1);
  });

  it('that compresses unasked: it is read all the same', async () => {
    const packed = gzipSync(
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        model: 'gpt-4o-mini',
        choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
      }),
    );
    const { url } = await upstream(
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(packed),
    );
    const stage = await abused({ upstream: url });
    const response = await post(stage.proxy, chat('hi'));
    expect(await response.json()).toHaveProperty('usage.total_tokens', 10);
    await expect.poll(async () => (await stage.guard.read('user', 'client')).used.tokens).toBe(10);
  });

  it('that is not there at all: refused, and nothing but the try is booked', async () => {
    const stage = await abused({ upstream: 'http://127.0.0.1:9/v1' });
    expect((await post(stage.proxy, chat('hi'))).status).toBe(502);
    await expectNothingHeld(stage);
    expect((await stage.guard.read('user', 'client')).used.tokens).toBe(0);
  });

  it('sends no header of the upstream that is about a connection or the browser, and none of the client that says who asked', async () => {
    const seen: Record<string, unknown>[] = [];
    const { url } = await upstream((request, response) => {
      seen.push(request.headers);
      response.writeHead(200, { 'set-cookie': 'a=b', 'keep-alive': 'timeout=9', 'x-request-id': 'r1', 'alt-svc': 'h3=":443"' }).end('{}');
    });
    const stage = await abused({ upstream: url });
    const response = await post(stage.proxy, chat('hi'), {
      cookie: 'a=b',
      'x-forwarded-for': '10.0.0.1',
      'holdfast-user': 'alice',
      'x-stainless-retry-count': '0',
      'openai-beta': 'x=v2',
    });
    expect(response.headers.get('x-request-id')).toBe('r1');
    for (const name of ['set-cookie', 'alt-svc']) expect(response.headers.get(name)).toBeNull();
    expect(Object.keys(seen[0] ?? {}).toSorted()).toEqual(expect.arrayContaining(['openai-beta', 'x-stainless-retry-count']) as unknown);
    for (const name of ['cookie', 'x-forwarded-for', 'holdfast-user']) expect(seen[0]).not.toHaveProperty(name);
  });
});
