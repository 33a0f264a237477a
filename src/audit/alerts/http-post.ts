import { FinalDeliveryError, RetryLaterError } from './alert-sink.ts';

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Posts a body, and says of a failure whether another try makes sense. Redirects are refused: the answer is not from whom we asked. */
export async function httpPost(
  fetch: Fetch,
  url: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'holdfast', ...headers },
    body,
    signal,
    redirect: 'manual',
  });
  // The answer's text is not needed, and must not keep the connection.
  await response.body?.cancel();
  if (response.ok) return;
  const { status } = response;
  const message = `answered with status ${status}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500) throw new RetryLaterError(message, retryAfterMs(response));
  throw new FinalDeliveryError(message);
}

/** Both forms of the header: seconds, and a date. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get('retry-after');
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
