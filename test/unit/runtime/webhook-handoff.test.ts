import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import { handoff } from '../../../src/ladder/handoff.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import { isSignedBy } from '../../../src/audit/alerts/webhook-sink.ts';
import { webhookHandoff, type WebhookHandoffOptions } from '../../../src/runtime/webhook-handoff.ts';
import { host, listen, searching } from '../../support/ladder-host.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const secret = 'sixteen bytes or more';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A desk that answers with these statuses, one after the other, the last for ever. */
async function desk(statuses: readonly number[], reply: unknown = {}): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const status = statuses[Math.min(received.length, statuses.length - 1)] ?? 200;
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end(JSON.stringify(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/runs`, received };
}

/** A run that can go no further, handed to a webhook. */
async function handedTo(url: string, options: Partial<WebhookHandoffOptions> = {}, timeoutMs = 5_000) {
  const guard = createGuard({
    budgets: { run: { steps: 4 } },
    ladder: [handoff(webhookHandoff(url, { secret, retryAfterMs: 1, ...options }), { timeoutMs }), wrapUp()],
  });
  const { errors } = listen(guard);
  const { answer } = await guard.run((run) =>
    host({ script: (turn, call) => (call.tools?.length ? searching(9)(turn) : { text: 'closing' }), tools: { search: () => 'x' } })(
      run,
      'Find tea.',
    ),
  );
  return { answer, errors };
}

describe('a webhook', () => {
  it('is sent the run, signed, and its answer is the answer of the run', async () => {
    const { url, received } = await desk([200], { answer: 'Ticket 7 is yours.' });
    expect((await handedTo(url, { headers: { authorization: 'Bearer t' } })).answer).toBe('Ticket 7 is yours.');
    expect(received).toHaveLength(1);
    const [{ headers, body }] = received as [Received];
    expect(JSON.parse(body)).toMatchObject({ task: 'Find tea.', halt: { cause: 'budget' }, report: { used: { steps: 3 } } });
    const [timestamp, signature] = [headers['holdfast-timestamp'], headers['holdfast-signature']].map(String);
    expect(isSignedBy(secret, { timestamp, signature, body })).toBe(true);
    expect(isSignedBy(secret, { timestamp, signature, body: `${body} ` })).toBe(false);
    expect(headers.authorization).toBe('Bearer t');
  });

  it('is tried again with the same key while it is down', async () => {
    const { url, received } = await desk([503, 429, 200], { answer: 'taken' });
    expect((await handedTo(url)).answer).toBe('taken');
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(received[0]?.headers['idempotency-key']).toMatch(/^handoff-/);
  });

  it('gives up in the end, and the next rung is climbed', async () => {
    const { url, received } = await desk([500]);
    const { answer, errors } = await handedTo(url, { retries: 2 });
    expect(answer).toBe('closing');
    expect(received).toHaveLength(3);
    expect(errors[0]).toMatchObject({
      hook: 'rung handoff',
      error: { code: 'webhook_failed', message: expect.stringContaining('status 500') },
    });
  });

  it.each([400, 302])('is not tried again where that is no use: %i', async (status) => {
    const { url, received } = await desk([status, 200]);
    const { answer } = await handedTo(url, { retries: status === 302 ? 0 : 3 });
    expect(answer).toBe('closing');
    expect(received).toHaveLength(1);
  });

  it('is not waited for longer than the hand-off may take', async () => {
    const { url } = await desk([503]);
    const { answer, errors } = await handedTo(url, { retryAfterMs: 60_000 }, 50);
    expect(answer).toBe('closing');
    expect(errors[0]?.error).toMatchObject({ message: expect.stringContaining('did not answer within 50 ms') });
  });

  it('that cannot be reached is as one that is down', async () => {
    const { answer } = await handedTo('http://127.0.0.1:1/runs', { retries: 1 });
    expect(answer).toBe('closing');
  });

  it('takes the run without an answer', async () => {
    const { url } = await desk([204]);
    expect((await handedTo(url)).answer).toContain('handed over');
  });

  it('needs a safe address and a secret', () => {
    for (const url of ['desk', 'file:///etc/passwd', 'http://desk.example.com'])
      expect(() => webhookHandoff(url, { secret })).toThrow(InvalidOptionError);
    expect(() => webhookHandoff('https://desk.example.com', { secret: 'short' })).toThrow('at least 16 bytes');
  });
});
