import { once } from 'node:events';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { createGuard, followAuditLog, InvalidOptionError, type AuditEntry, type Guard } from 'holdfast';
import { dashboard, serveDashboard, type ServedDashboard, type ServeOptions } from 'holdfast/dashboard';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { dashboardCommand } from '../../integrations/cli/dashboard/command.ts';
import { eventStreams } from '../../integrations/dashboard/event-streams.ts';
import { watchedRuns } from '../../integrations/dashboard/watched-runs.ts';
import { modelStep, runStart } from '../support/audit-entries.ts';
import { capturedIo } from '../support/captured-io.ts';

const token = 'a-token-of-enough-characters';
const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-dashboard-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(guard: Guard | undefined, options: ServeOptions = { token }): Promise<ServedDashboard & { port: number }> {
  const served = await serveDashboard(guard, { port: 0, everyMs: 20, ...options });
  closing.push(() => served.close());
  return { ...served, port: Number(new URL(served.url).port) };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(
  port: number,
  place: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path: place,
    method: options.method ?? 'GET',
    headers: { host: '127.0.0.1', ...options.headers },
  });
  request.end(options.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response as AsyncIterable<Buffer>) body += chunk.toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const bearer = { authorization: `Bearer ${token}` };
const json = { ...bearer, 'content-type': 'application/json' };
const post = (port: number, place: string, body: unknown, headers: Record<string, string> = json): Promise<Answer> =>
  ask(port, place, { method: 'POST', headers, body: JSON.stringify(body) });

/** The first events of a stream. */
async function firstEvents(
  port: number,
  place = '/api/events',
  headers: Record<string, string> = bearer,
): Promise<Record<string, unknown>> {
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}${place}`, { headers, signal: abort.signal });
  let text = '';
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.endsWith('\n\n')) break;
    }
  } finally {
    abort.abort();
  }
  return Object.fromEntries(
    [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => [String(event), JSON.parse(String(data)) as unknown]),
  );
}

describe('the dashboard over HTTP', () => {
  it('serves one page that may load, run and ask nothing but its own, and be framed by nobody', async () => {
    const { port } = await serve(createGuard());
    const { status, headers, body } = await ask(port, '/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(body).not.toMatch(/https?:\/\/(?!www\.w3\.org)|style=|onclick/);
    for (const asset of ['/app.js', '/style.css']) expect((await ask(port, asset)).status).toBe(200);
    expect((await ask(port, '/etc/passwd')).status).toBe(404);
  });

  it('refuses a name that is not its own, so that no foreign site can reach it', async () => {
    const { port } = await serve(createGuard());
    for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example'])
      expect((await ask(port, '/', { headers: { host } })).status, host).toBe(421);
    for (const host of ['localhost', `localhost:${port}`, '[::1]:1', 'LOCALHOST'])
      expect((await ask(port, '/', { headers: { host } })).status, host).toBe(200);
  });

  it('shows and does nothing without the token', async () => {
    const guard = createGuard();
    const { port, url } = await serve(guard);
    expect(url).toContain(`#token=${token}`);
    expect((await ask(port, '/api/events')).status).toBe(401);
    expect((await ask(port, '/api/events', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect((await post(port, '/api/halt', { run: 'x' }, { 'content-type': 'application/json' })).status).toBe(401);
  });

  it('acts for nobody but its own page', async () => {
    const { port } = await serve(createGuard());
    expect((await post(port, '/api/halt', {}, { ...json, origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(port, '/api/halt', {}, { ...bearer, 'content-type': 'text/plain' })).status).toBe(415);
    expect((await ask(port, '/api/halt', { headers: json })).status).toBe(404);
  });

  it('can only be looked at, from this machine, where there is no token', async () => {
    const guard = createGuard();
    const { port } = await serve(guard, {});
    expect(await firstEvents(port, '/api/events', {})).toMatchObject({ overview: { canAct: false } });
    expect((await post(port, '/api/halt', { run: 'x' }, { 'content-type': 'application/json' })).status).toBe(403);
  });

  it('refuses to be open to other machines without a token, and tokens that can be guessed', async () => {
    await expect(serveDashboard(createGuard(), { port: 0, host: '0.0.0.0' })).rejects.toThrow(InvalidOptionError);
    expect(() => dashboard(createGuard(), { token: 'short' })).toThrow(/at least 16/);
  });

  it('sets limits, keeps those that it set before, and says why it does not', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1, tokens: 100 } } });
    const { port } = await serve(guard);
    const account = { tenant: 'default', scope: 'user', id: 'ann' };
    expect((await post(port, '/api/limit', { ...account, dimension: 'usd', limit: 5 })).status).toBe(204);
    expect((await post(port, '/api/limit', { ...account, dimension: 'tokens', limit: 700 })).status).toBe(204);
    expect((await guard.read('user', 'ann')).limits).toMatchObject({ usd: 5, tokens: 700 });
    for (const wrong of [
      { dimension: 'cents', limit: 1 },
      { dimension: 'usd', limit: -1 },
      { dimension: 'usd', limit: '5' },
      { dimension: 'usd', limit: null },
    ]) {
      expect((await post(port, '/api/limit', { ...account, ...wrong })).status, JSON.stringify(wrong)).toBe(400);
    }
    const { status, body } = await post(port, '/api/limit', { ...account, scope: 'planet', dimension: 'usd', limit: 1 });
    expect({ status, body }).toMatchObject({ status: 400, body: expect.stringContaining('no scope of this name') as string });
    expect((await ask(port, '/api/limit', { method: 'POST', headers: json, body: '{' })).status).toBe(400);
    expect((await ask(port, '/api/limit', { method: 'POST', headers: json, body: `"${'x'.repeat(20_000)}"` })).status).toBe(400);
  });

  it('halts a run that is alive, and begins none by the name of one that is over', async () => {
    const guard = createGuard();
    const { port } = await serve(guard);
    const run = guard.start({ scopes: { user: 'ann' } });
    expect((await post(port, '/api/halt', { run: run.id })).status).toBe(204);
    expect(run.halted).toMatchObject({ cause: 'person', reason: 'halted by a person, from the dashboard' });
    await run.end();
    let begun = 0;
    guard.on('run:start', () => void (begun += 1));
    expect((await post(port, '/api/halt', { run: run.id })).status).toBe(400);
    expect(begun).toBe(0);
  });

  it('answers a request for no address that there can be, and goes on', async () => {
    const { port } = await serve(createGuard());
    for (const target of ['//', '//[', 'http://localhost/', '*']) {
      const socket = connect(port, '127.0.0.1');
      socket.end(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
      let text = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
      expect(text, target).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect((await ask(port, '/')).status).toBe(200);
  });

  it('lets a run that it halted come to its own end', async () => {
    const guard = createGuard();
    const { port } = await serve(guard);
    const ended: string[] = [];
    guard.on('run:end', ({ run }) => void ended.push(run.id));
    const halted = guard.run({ id: 'by hand' }, async (run) => {
      const step = await run.begin({ kind: 'tool', name: 'buy', args: {} });
      expect((await post(port, '/api/halt', { run: run.id })).status).toBe(204);
      await step.end({ output: 1 });
      throw run.haltError;
    });
    await expect(halted).rejects.toThrow('halted by a person');
    expect(ended).toEqual(['by hand']);
  });

  it('reads letters that come in two pieces', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const { port } = await serve(guard);
    const body = Buffer.from(JSON.stringify({ tenant: 'default', scope: 'user', id: 'zoë', dimension: 'usd', limit: 7 }));
    const request = httpRequest({ host: '127.0.0.1', port, path: '/api/limit', method: 'POST', headers: { host: '127.0.0.1', ...json } });
    const split = body.indexOf(0xc3) + 1;
    request.write(body.subarray(0, split));
    await new Promise((resolve) => setTimeout(resolve, 50));
    request.end(body.subarray(split));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(204);
    expect((await guard.read('user', 'zoë')).limits).toEqual({ usd: 7 });
  });

  it('keeps both of two limits of one account that are set at once', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1, tokens: 100 } } });
    let asked = 0;
    let goOn = (): void => {};
    const bothAsked = new Promise<void>((resolve) => (goOn = resolve));
    const adjust: Guard['adjust'] = async (...given) => {
      asked += 1;
      if (asked === 2) goOn();
      await bothAsked;
      return guard.adjust(...given);
    };
    const { port } = await serve({ ...guard, adjust });
    const account = { tenant: 'default', scope: 'user', id: 'ann' };
    await Promise.all([
      post(port, '/api/limit', { ...account, dimension: 'usd', limit: 5 }),
      post(port, '/api/limit', { ...account, dimension: 'tokens', limit: 700 }),
    ]);
    expect((await guard.read('user', 'ann')).limits).toMatchObject({ usd: 5, tokens: 700 });
  });

  it('asks the store nothing for who may not see it', async () => {
    const guard = createGuard();
    let reads = 0;
    const list: Guard['list'] = (options) => {
      reads += 1;
      return guard.list(options);
    };
    const { port } = await serve({ ...guard, list });
    expect((await ask(port, '/api/events')).status).toBe(401);
    expect(reads).toBe(0);
    await firstEvents(port);
    expect(reads).toBe(1);
  });

  it('sends what has changed, and of a quiet guard nothing but a sign of life', async () => {
    const { port } = await serve(createGuard());
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/api/events`, { headers: bearer, signal: abort.signal });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.split(': still here').length > 5) break;
    }
    abort.abort();
    // The axis of its chart moves on every ten seconds.
    expect(text.split('event: overview').length - 1).toBeLessThan(4);
  });

  it('is reached under an address of IPv6, whichever way that was written', async () => {
    const { url } = await serve(createGuard(), { token, host: '::ffff:127.0.0.1' });
    expect((await fetch(url)).status).toBe(200);
  });

  it('refuses a path that no request could have', () => {
    for (const basePath of ['holdfast', '/holdfast/', '/'])
      expect(() => dashboard(createGuard(), { basePath }), basePath).toThrow(InvalidOptionError);
  });

  it('lets in no page once it is closed', async () => {
    const page = dashboard(createGuard());
    const server = createServer((request, response) => void page.handler(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => void server.close());
    page.close();
    expect((await ask((server.address() as AddressInfo).port, '/api/events')).status).toBe(503);
  });

  it('tells a page of one run', async () => {
    const guard = createGuard();
    const { port } = await serve(guard);
    await guard.run({ id: 'r 1', scopes: { user: 'ann' } }, (run) =>
      run.step({ kind: 'tool', name: 'look', args: { secret: 1 } }, async () => ({ output: 'secret' })),
    );
    const { run } = await firstEvents(port, '/api/events?run=r%201');
    expect(run).toMatchObject({
      detail: { run: 'r 1', endedAt: expect.any(Number) as number, timeline: [{ name: 'look', outcome: 'ok' }] },
    });
    expect(JSON.stringify(run)).not.toContain('secret');
  });

  it('drops a page that does not read, and lets in no more pages than it can feed', () => {
    const streams = eventStreams();
    // Nobody reads what is written to it.
    const silent = (): ServerResponse =>
      Object.assign(new PassThrough({ highWaterMark: 1 }), { writeHead() {} }) as unknown as ServerResponse;
    const response = silent();
    let round = 0;
    expect(streams.open(response, () => [{ event: 'overview', data: `${(round += 1)}${'x'.repeat(300_000)}` }])).toBe(true);
    for (let each = 0; each < 10; each += 1) streams.send();
    expect({ open: streams.count, destroyed: response.destroyed }).toEqual({ open: 0, destroyed: true });
    expect(round).toBeLessThan(8);
    const opened = Array.from({ length: 60 }, () => streams.open(silent(), () => []));
    expect(opened.filter(Boolean)).toHaveLength(50);
    streams.closeAll();
  });

  it('lives under a path of a server of one’s own, and leaves the rest to it', async () => {
    const page = dashboard(createGuard(), { basePath: '/holdfast' });
    closing.push(() => page.close());
    const server = createServer((request, response) => {
      if (!page.handler(request, response)) response.writeHead(200).end('mine');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect((await ask(port, '/holdfast')).headers.location).toBe('/holdfast/');
    expect((await ask(port, '/holdfast/')).body).toContain('<title>holdfast</title>');
    expect((await ask(port, '/holdfastly')).body).toBe('mine');
  });
});

describe('what the page remembers', () => {
  it('is bounded, and live runs stay when those that are over go', () => {
    const watched = watchedRuns();
    watched.add(runStart('live'));
    for (let run = 0; run < 2_000; run += 1) {
      watched.add(runStart(`r${run}`));
      watched.add(modelStep({ run: `r${run}` }));
      watched.add({
        ...(runStart(`r${run}`) as object),
        event: 'run:end',
        durationMs: 1,
        used: {},
        estimatedSteps: 0,
        unpricedCalls: 0,
        halted: undefined,
      } as never);
    }
    for (let step = 0; step < 1_000; step += 1) watched.add(modelStep({ run: 'live', step }));
    expect(watched.run('r0')).toBeUndefined();
    expect(watched.run('live')).toMatchObject({ steps: 1_000, hidden: 700 });
    const { runs, totals, points, liveRuns } = watched.overview();
    expect(runs[0]?.run).toBe('live');
    expect({ shown: runs.length, live: liveRuns, runs: totals.runs, steps: totals.steps }).toEqual({
      shown: 100,
      live: 1,
      runs: 2_001,
      steps: 3_000,
    });
    expect(points.reduce((sum, { usd }) => sum + usd, 0)).toBeCloseTo(totals.usd, 9);
  });
});

describe('what the page shows of logs', () => {
  const at = Date.UTC(2026, 0, 15, 12);
  const end = (run: string): AuditEntry => ({
    ...(runStart(run) as Extract<AuditEntry, { event: 'run:end' }>),
    event: 'run:end',
    durationMs: 1,
    used: {},
    estimatedSteps: 0,
    unpricedCalls: 0,
    halted: 'budget',
  });

  it('is drawn at the time at which it happened, whichever log is read first', () => {
    const watched = watchedRuns(() => at);
    for (const minutes of [10, 2, 12, 2, 0]) watched.add(modelStep({ at: at - minutes * 60_000 }));
    const { points } = watched.overview();
    expect(points.map((point) => (at - point.at) / 60_000)).toEqual([12, 10, 2, 0]);
    expect(points.map(({ tokens }) => tokens)).toEqual([120, 120, 240, 120]);
  });

  it('is bounded also where runs never tell of their end', () => {
    const watched = watchedRuns();
    for (let run = 0; run < 30_000; run += 1) watched.add(runStart(`r${run}`));
    expect(watched.overview().liveRuns).toBeLessThanOrEqual(20_000);
  });

  it('tells that a run which was taken up again is going on', () => {
    const watched = watchedRuns();
    for (const entry of [runStart('r'), end('r'), runStart('r')]) watched.add(entry);
    expect(watched.run('r')).toMatchObject({ endedAt: null, halted: null });
    watched.add(end('r'));
    expect(watched.run('r')).toMatchObject({ halted: 'budget', endedAt: expect.any(Number) as number });
  });
});

describe('holdfast dashboard', () => {
  const line = (entry: unknown): string => `${JSON.stringify(entry)}\n`;

  it('follows a log as it grows, and through its rotation', async () => {
    const file = path.join(scratch, 'followed.jsonl');
    const stop = new AbortController();
    const seen: string[] = [];
    writeFileSync(file, line(runStart('one')) + line(runStart('two')).slice(0, 20));
    for await (const entry of followAuditLog(file, { signal: stop.signal, everyMs: 5 })) {
      if (!('run' in entry) || entry.run === undefined) continue;
      seen.push(entry.run);
      if (entry.run === 'one') appendFileSync(file, line(runStart('two')).slice(20));
      if (entry.run === 'two') {
        renameSync(file, `${file}.old`);
        writeFileSync(file, line(runStart('three')));
      }
      if (entry.run === 'three') stop.abort();
    }
    expect(seen).toEqual(['one', 'two', 'three']);
  });

  it('serves the page over a log, on this machine and with a token, until it is stopped', async () => {
    const file = path.join(scratch, 'served.jsonl');
    writeFileSync(file, line(runStart('r1', { user: 'ann' })) + line(modelStep({ run: 'r1' })));
    const stop = new AbortController();
    let url = '';
    const { io } = capturedIo({ signal: stop.signal, out: (text) => void (url = (JSON.parse(text) as { url: string }).url) });
    const running = dashboardCommand.run([file, '--port', '0', '--json', '--token', token], io);
    const port = await polled(() => (url === '' ? undefined : Number(new URL(url).port)));
    const overview = await polled(async () => {
      const events = (await firstEvents(port)) as { overview?: { totals: { runs: number; steps: number } } };
      return events.overview?.totals.steps === 1 ? events.overview : undefined;
    });
    expect(overview).toMatchObject({ totals: { runs: 1, steps: 1 }, canAct: false });
    stop.abort();
    expect(await running).toBe(0);
  });

  it.each([
    [[], 'name the audit logs to follow'],
    [['x', '--demo'], 'name the audit logs to follow, or give --demo'],
    [['x', '--port', 'many'], '--port must be a whole number'],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { io, err } = capturedIo();
    expect(await dashboardCommand.run(args, io)).toBe(2);
    expect(err()).toContain(message);
  });

  it('plays agents for a demonstration', async () => {
    const stop = new AbortController();
    let url = '';
    const { io } = capturedIo({ signal: stop.signal, out: (text) => void (url = (JSON.parse(text) as { url: string }).url) });
    const running = dashboardCommand.run(['--demo', '--port', '0', '--json', '--token', token], io);
    const port = await polled(() => (url === '' ? undefined : Number(new URL(url).port)));
    await polled(
      async () => ((await firstEvents(port)) as { overview: { totals: { steps: number } } }).overview.totals.steps > 0 || undefined,
    );
    stop.abort();
    expect(await running).toBe(0);
  });
});

async function polled<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 25_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('it did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
