import { timingSafeEqual } from 'node:crypto';
import { InvalidOptionError } from '../../core/errors.ts';
import { signatureOf } from '../../core/signature.ts';
import type { AlertSink } from './alert-sink.ts';
import { httpPost, type Fetch } from './http-post.ts';

export interface WebhookOptions {
  /** An `https:` address; `http:` only for this machine. */
  readonly url: string;
  /** Signs each request; at least 16 bytes. Give it to `isSignedBy` at the other end. */
  readonly secret: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
}

/**
 * Posts alerts as JSON, `{ "id", "alerts": AlertNotice[] }`, signed: `holdfast-signature` is `v1=` and the HMAC-SHA-256, in
 * hex, of `holdfast-timestamp`, a dot and the body. `idempotency-key` is the same in every try of one message.
 *
 * @throws InvalidOptionError
 */
export function webhookSink({ url, secret, headers = {}, fetch = globalThis.fetch }: WebhookOptions): AlertSink {
  checkUrl('options of webhookSink', url);
  if (Buffer.byteLength(secret) < 16) {
    const message = 'expected a secret of at least 16 bytes: a shorter one can be guessed, and alerts forged';
    throw new InvalidOptionError('options of webhookSink', [{ path: 'secret', message, value: undefined }]);
  }
  return {
    name: `webhook ${new URL(url).host}`,
    send({ messageId, notices }, signal) {
      const body = JSON.stringify({ id: messageId, alerts: notices });
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signed = {
        'holdfast-timestamp': timestamp,
        'holdfast-signature': signatureOf(secret, timestamp, body),
        'idempotency-key': messageId,
      };
      return httpPost(fetch, url, { ...headers, ...signed }, body, signal);
    },
  };
}

/**
 * Whether a webhook's request is from a holder of the secret and not older than five minutes. For the receiving end; give
 * it the body as it came, before it is parsed.
 */
export function isSignedBy(
  secret: string,
  request: { readonly timestamp: string | undefined; readonly signature: string | undefined; readonly body: string },
  { now = Date.now(), toleranceMs = 5 * 60_000 }: { readonly now?: number; readonly toleranceMs?: number } = {},
): boolean {
  const { timestamp = '', signature = '', body } = request;
  const wanted = Buffer.from(signatureOf(secret, timestamp, body));
  const given = Buffer.from(signature);
  const isFresh = /^\d{1,12}$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1000) <= toleranceMs;
  return isFresh && given.length === wanted.length && timingSafeEqual(given, wanted);
}

const localHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** @throws InvalidOptionError for an address that would send alerts over the net in the clear */
export function checkUrl(what: string, url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && localHosts.has(parsed.hostname))) return;
  const message = 'expected an https: address (http: only for this machine)';
  throw new InvalidOptionError(what, [{ path: 'url', message, value: undefined }]);
}
