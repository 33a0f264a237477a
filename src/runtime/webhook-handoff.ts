import PQueue from 'p-queue';
import { GuardError, InvalidOptionError } from '../core/errors.ts';
import { signatureOf } from '../core/signature.ts';
import type { HandOver, HandoffPackage } from '../ladder/handoff.ts';
import { systemClock, type Clock } from './clock.ts';

export interface WebhookHandoffOptions {
  /** Signs what is sent; at least 16 bytes. Give it to `isSignedBy` at the other end. */
  readonly secret: string;
  /** Further headers, such as an authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How often a delivery that failed is tried again. Default 4. */
  readonly retries?: number | undefined;
  /** The pause before the first retry, in milliseconds; each further one is twice as long. Default 500. */
  readonly retryAfterMs?: number | undefined;
  /** How long one delivery may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Deliveries at once. Default 4. */
  readonly concurrency?: number | undefined;
  /** For tests. Default: Node's. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly clock?: Clock | undefined;
}

/** A longer pause would outlast the run. */
const PAUSE_MAX_MS = 30_000;
/** An answer longer than this is no answer. */
const ANSWER_MAX_CHARACTERS = 65_536;

/**
 * Posts what a run hands over, as JSON, to an address: for `handoff`. It holds the content of the run, so it goes to just
 * this address (`https:`, or `http:` on this machine) and follows no redirect. It is signed as alerts are (`isSignedBy`), and
 * every try of one run carries the same `idempotency-key`. Failures of the network, 408, 429 and 5xx are tried again. Where
 * the response is JSON with an `answer`, that is the answer of the run.
 *
 * @throws InvalidOptionError
 * @example handoff(webhookHandoff('https://desk.example.com/runs', { secret }), { timeoutMs: 20_000 })
 */
export function webhookHandoff(url: string, options: WebhookHandoffOptions): HandOver {
  checkTarget(url, options.secret);
  const { retries = 4, retryAfterMs = 500, concurrency = 4, clock = systemClock } = options;
  const queue = new PQueue({ concurrency });
  return async (handoff, { signal }) => {
    const body = JSON.stringify(handoff);
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      const outcome = await queue.add(() => deliver(url, body, handoff, signal, options));
      if ('answer' in outcome) return outcome.answer;
      if (!outcome.mayRetry || attempt >= retries)
        throw new GuardError('webhook_failed', `the webhook did not take the run: ${outcome.problem}`);
      await pause(Math.min(PAUSE_MAX_MS, outcome.retryAfterMs ?? retryAfterMs * 2 ** attempt), signal, clock);
    }
  };
}

type Delivery =
  | { readonly answer: unknown }
  | { readonly problem: string; readonly mayRetry: boolean; readonly retryAfterMs?: number | undefined };

async function deliver(
  url: string,
  body: string,
  { runId }: HandoffPackage,
  signal: AbortSignal,
  options: WebhookHandoffOptions,
): Promise<Delivery> {
  const { secret, headers, timeoutMs = 10_000, fetch = globalThis.fetch, clock = systemClock } = options;
  const timestamp = String(Math.floor(clock.now() / 1_000));
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'idempotency-key': `handoff-${runId}`,
        'holdfast-timestamp': timestamp,
        'holdfast-signature': signatureOf(secret, timestamp, body),
      },
    });
    const text = await response.text();
    if (response.ok) return { answer: answerIn(text) };
    const seconds = Number(response.headers.get('retry-after'));
    return {
      problem: `status ${response.status}`,
      mayRetry: response.status === 408 || response.status === 429 || response.status >= 500,
      retryAfterMs: seconds > 0 ? seconds * 1_000 : undefined,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: error instanceof Error ? error.name : 'no answer', mayRetry: true };
  }
}

/** The answer that a receiver gives at once; undefined where it only takes the run. */
function answerIn(text: string): unknown {
  if (text.length > ANSWER_MAX_CHARACTERS) return undefined;
  try {
    const { answer } = (JSON.parse(text) ?? {}) as { answer?: unknown };
    return answer ?? undefined;
  } catch {
    return undefined;
  }
}

function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      clock.clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    const timer = clock.setTimeout(
      () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      },
      ms,
      true,
    );
    signal.addEventListener('abort', aborted, { once: true });
  });
}

const localHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function checkTarget(url: string, secret: string): void {
  const { protocol, hostname = '' } = URL.canParse(url) ? new URL(url) : {};
  const refuse = (path: string, message: string): never => {
    throw new InvalidOptionError('options of webhookHandoff', [{ path, message, value: undefined }]);
  };
  if (protocol !== 'https:' && !(protocol === 'http:' && localHosts.has(hostname))) {
    refuse('url', 'expected an https: address (http: only for this machine)');
  }
  if (typeof secret !== 'string' || Buffer.byteLength(secret) < 16) refuse('secret', 'expected a secret of at least 16 bytes');
}
