import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  budgetAlerts,
  createGuard,
  FinalDeliveryError,
  InvalidOptionError,
  isSignedBy,
  logSink,
  slackSink,
  webhookSink,
  type AlertNotice,
  type AlertSink,
  type Guard,
} from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { noticeText } from '../../../src/audit/alerts/alert-notice.ts';

const secret = 'a-secret-of-enough-bytes';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server on this machine that remembers what it gets and answers as it is told. */
async function receiver(answer: (response: ServerResponse, count: number) => void): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      answer(response, received.length);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

function recordingSink(): AlertSink & { readonly sent: { messageId: string; notices: readonly AlertNotice[] }[] } {
  const sent: { messageId: string; notices: readonly AlertNotice[] }[] = [];
  return { name: 'test', sent, send: async (message) => void sent.push(message) };
}

const spend = (guard: Guard, scopes: Record<string, string>, usd: number): Promise<unknown> =>
  guard.run({ scopes }, (run) =>
    run.step({ kind: 'tool', name: 'buy', args: { n: Math.random() }, usd }, async () => ({ output: Math.random() })),
  );

describe('budget alerts', () => {
  it('tell who, over which window, how fast, until when and who spends most, once for thresholds crossed at once', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { tenant: { usd: 10, window: 'day' } } });
    const sink = recordingSink();
    const alerts = budgetAlerts(guard, { sinks: [sink], now: clock.now });
    for (const [user, usd] of [
      ['ann', 1],
      ['ben', 3],
      ['cid', 2],
      ['dot', 0.5],
    ] as const)
      await spend(guard, { tenant: 'acme', user }, usd);
    clock.advance(60_000);
    await spend(guard, { tenant: 'acme', user: 'ben' }, 2);
    await alerts.close();
    expect(sink.sent).toHaveLength(1);
    const [notice, ...others] = sink.sent[0]?.notices ?? [];
    expect(others).toEqual([]);
    expect(notice).toMatchObject({ tenant: 'acme', scope: 'tenant', id: 'acme', threshold: 0.8, used: 8.5, limit: 10, window: 'day' });
    expect(notice?.spenders).toEqual([
      { scope: 'user', id: 'ben', amount: 5 },
      { scope: 'user', id: 'cid', amount: 2 },
      { scope: 'user', id: 'ann', amount: 1 },
    ]);
    // 8.5 dollars within a minute or so, so far: 1.5 are left for about ten seconds.
    expect(notice?.perHour).toBeGreaterThan(400);
    expect(notice?.runsOutAt).toBeGreaterThan(clock.now());
    expect(notice?.runsOutAt).toBeLessThan(clock.now() + 60_000);
  });

  it('wait for what is on its way already when they are flushed or closed', async () => {
    for (const end of ['flush', 'close'] as const) {
      const guard = createGuard({ budgets: { user: { usd: 1 } } });
      const sink = recordingSink();
      let asked = (): void => {};
      const isAsked = new Promise<void>((resolve) => (asked = resolve));
      let answer = (): void => {};
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const read: Guard['read'] = async (...of) => {
        asked();
        await answered;
        return guard.read(...of);
      };
      const alerts = budgetAlerts({ on: guard.on, read }, { sinks: [sink], groupMs: 1 });
      await spend(guard, { user: 'ann' }, 0.6);
      await isAsked;
      const ended = alerts[end]();
      answer();
      await ended;
      await expect.poll(() => sink.sent.length, { message: end }).toBe(1);
      await alerts.close();
    }
  });

  it('lose none of a great many', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const sink = recordingSink();
    const alerts = budgetAlerts(guard, { sinks: [sink] });
    for (let user = 0; user < 1_100; user += 1) await spend(guard, { user: `u${user}` }, 0.6);
    await alerts.close();
    expect(new Set(sink.sent.flatMap(({ notices }) => notices.map(({ id }) => id))).size).toBe(1_100);
  });

  it('group the alerts of many accounts into one message, and leave the runs out', async () => {
    const guard = createGuard({ budgets: { run: { usd: 1 }, user: { usd: 1 } } });
    const sink = recordingSink();
    const alerts = budgetAlerts(guard, { sinks: [sink] });
    for (const user of ['ann', 'ben']) await spend(guard, { user }, 0.6);
    await alerts.close();
    expect(sink.sent.map(({ notices }) => notices.map(({ scope, id }) => [scope, id]))).toEqual([
      [
        ['user', 'ann'],
        ['user', 'ben'],
      ],
    ]);
  });

  it('say that a budget lasts when its window ends before it is used up', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { usd: 10, window: 'hour' } } });
    const sink = recordingSink();
    const alerts = budgetAlerts(guard, { sinks: [sink], now: clock.now });
    await spend(guard, { user: 'ann' }, 0.001);
    clock.advance(59 * 60_000);
    await spend(guard, { user: 'ann' }, 5);
    await alerts.flush();
    expect(sink.sent[0]?.notices[0]).toMatchObject({ runsOutAt: null });
    await alerts.close();
  });

  it('try a delivery again under the same id, wait when they are asked to, and stop when there is no hope', async () => {
    const errors: unknown[] = [];
    const ids: string[] = [];
    const outcomes = [new Error('down'), new Error('down'), undefined];
    const flaky: AlertSink = {
      name: 'flaky',
      async send({ messageId }) {
        ids.push(messageId);
        const error = outcomes.shift();
        if (error) throw error;
      },
    };
    const hopeless: AlertSink = { name: 'hopeless', send: () => Promise.reject(new FinalDeliveryError('gone')) };
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const alerts = budgetAlerts(guard, { sinks: [flaky, hopeless], retryMs: [1, 1, 1], onError: (error) => errors.push(error) });
    await spend(guard, { user: 'ann' }, 0.6);
    await alerts.close();
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(errors.map((error) => (error as Error).message).sort()).toEqual([
      'alert to flaky failed, it is tried again',
      'alert to flaky failed, it is tried again',
      'alert to hopeless failed and is given up',
    ]);
  });

  it('give up a sink that never answers, and harm no run by it', async () => {
    const errors: unknown[] = [];
    const stuck: AlertSink = { name: 'stuck', send: () => new Promise(() => {}) };
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const alerts = budgetAlerts(guard, { sinks: [stuck], retryMs: [], timeoutMs: 5, onError: (error) => errors.push(error) });
    await spend(guard, { user: 'ann' }, 0.6);
    await alerts.close();
    expect(errors).toMatchObject([{ message: 'alert to stuck failed and is given up' }]);
  });

  it('go out although the store does not tell the window', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const sink = recordingSink();
    const alerts = budgetAlerts({ on: guard.on, read: () => Promise.reject(new Error('away')) }, { sinks: [sink] });
    await spend(guard, { user: 'ann' }, 0.6);
    await alerts.close();
    expect(sink.sent[0]?.notices[0]).toMatchObject({ id: 'ann', window: undefined });
  });
});

describe('the webhook', () => {
  it('is signed, keeps its idempotency key over its tries, and is believed only as it was sent', async () => {
    const { url, received } = await receiver((response, count) => {
      response.statusCode = count === 1 ? 503 : 200;
      response.end();
    });
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const alerts = budgetAlerts(guard, { sinks: [webhookSink({ url, secret })], retryMs: [1] });
    await spend(guard, { user: 'ann' }, 0.6);
    await alerts.close();
    expect(received).toHaveLength(2);
    const [first, second] = received;
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    const request = {
      timestamp: String(second?.headers['holdfast-timestamp']),
      signature: String(second?.headers['holdfast-signature']),
      body: second?.body ?? '',
    };
    expect(JSON.parse(request.body)).toMatchObject({ alerts: [{ scope: 'user', id: 'ann', threshold: 0.5 }] });
    expect(isSignedBy(secret, request)).toBe(true);
    expect(isSignedBy(secret, { ...request, body: request.body.replace('ann', 'bob') })).toBe(false);
    expect(isSignedBy('another-secret-of-bytes', request)).toBe(false);
    expect(isSignedBy(secret, { ...request, timestamp: '0' })).toBe(false);
    expect(isSignedBy(secret, request, { now: Date.now() + 600_000 })).toBe(false);
    expect(isSignedBy(secret, { timestamp: undefined, signature: undefined, body: '' })).toBe(false);
  });

  it('follows no redirect and does not insist where it is refused', async () => {
    const { url, received } = await receiver((response) => response.writeHead(302, { location: '/elsewhere' }).end());
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const errors: Error[] = [];
    const alerts = budgetAlerts(guard, {
      sinks: [webhookSink({ url, secret })],
      retryMs: [1],
      onError: (error) => errors.push(error as Error),
    });
    await spend(guard, { user: 'ann' }, 0.6);
    await alerts.close();
    expect(received).toHaveLength(1);
    expect(errors[0]?.cause).toBeInstanceOf(FinalDeliveryError);
  });

  it('refuses an address in the clear and a secret that can be guessed', () => {
    expect(() => webhookSink({ url: 'http://example.com', secret })).toThrow(InvalidOptionError);
    expect(() => webhookSink({ url: 'https://example.com', secret: 'short' })).toThrow(/16 bytes/);
    expect(() => slackSink({ url: 'nonsense' })).toThrow(InvalidOptionError);
  });
});

const notice: AlertNotice = {
  key: 'k',
  at: 0,
  tenant: 'acme',
  scope: 'user',
  id: '<!channel>\n*bold*',
  dimension: 'usd',
  threshold: 0.8,
  used: 4.02,
  limit: 5,
  window: 'day',
  resetsAt: Date.UTC(2026, 0, 16),
  perHour: 1.2,
  runsOutAt: Date.UTC(2026, 0, 15, 14, 5),
  spenders: [{ scope: 'session', id: 's1', amount: 2 }],
};

describe('what people read', () => {
  it('is one account in plain words', () => {
    expect(noticeText({ ...notice, id: 'ann' })).toBe(
      'user ann of acme has used 80 % of its budget (day): $4.02 of $5.00. At $1.20 an hour it runs out at 2026-01-15 14:05 UTC.' +
        ' It resets at 2026-01-16 00:00 UTC. Most of it: session s1 $2.00.',
    );
  });

  it('lets no id become a mention in a channel, nor a command in a terminal', async () => {
    const posted: string[] = [];
    const fetch = async (_url: string, init: RequestInit): Promise<Response> => {
      posted.push(init.body as string);
      return new Response('ok');
    };
    await slackSink({ url: 'https://hooks.example.com/x', fetch }).send({ messageId: 'm', notices: [notice] }, AbortSignal.timeout(1000));
    expect((JSON.parse(posted[0] ?? '') as { text: string }).text).toContain('user `&lt;!channel&gt; *bold*` of `acme`');
    const lines: string[] = [];
    await logSink((line) => void lines.push(line)).send(
      { messageId: 'm', notices: [{ ...notice, id: '\u001B[2J' }] },
      AbortSignal.timeout(1000),
    );
    expect(lines[0]).toContain('user \\u001b[2J of acme');
  });
});
