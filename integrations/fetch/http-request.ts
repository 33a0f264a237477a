/** What is given to `fetch`, looked at. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  /** The body as text; a reason where it cannot be read as such. */
  text(maxBytes: number): Promise<{ readonly text: string } | { readonly unreadable: 'form' | 'compressed' | 'too-large' | 'not-text' }>;
  /** Sends it on, with another body where one is given. */
  send(fetch: typeof globalThis.fetch, text: string | undefined, signal: AbortSignal): Promise<Response>;
}

type Input = string | URL | Request;
type Init = RequestInit & { body?: unknown; duplex?: string };

/** Undefined for what `fetch` itself would refuse: it is left to say so. */
export function httpRequest(input: Input, init: Init = {}): HttpRequest | undefined {
  const request = typeof input === 'object' && 'headers' in input ? input : undefined;
  const address = typeof input === 'string' ? input : 'href' in input ? input.href : input.url;
  const given: unknown = init.body ?? undefined;
  if (!URL.canParse(address) || (request?.bodyUsed && given === undefined)) return undefined;
  const headers = new Headers(init.headers ?? request?.headers);
  /** Bodies that can be read only once are sent on as what was read. */
  let taken: Uint8Array | undefined;

  async function bytesOf(maxBytes: number): Promise<Uint8Array | 'form' | 'too-large'> {
    if (typeof given === 'string') return Buffer.byteLength(given) > maxBytes ? 'too-large' : Buffer.from(given);
    if (given instanceof ArrayBuffer) return new Uint8Array(given);
    if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
    if (given instanceof Blob) return given.size > maxBytes ? 'too-large' : new Uint8Array(await given.arrayBuffer());
    const source = given ?? request?.body ?? undefined;
    if (source === undefined) return new Uint8Array();
    if (typeof source !== 'object' || !(Symbol.asyncIterator in source) || source instanceof FormData) return 'form';
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of source as AsyncIterable<Uint8Array | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      length += bytes.byteLength;
      if (length > maxBytes) return 'too-large';
      chunks.push(bytes);
    }
    return (taken = Buffer.concat(chunks));
  }

  return {
    url: new URL(address),
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    headers,
    signal: init.signal ?? request?.signal,
    async text(maxBytes) {
      const encoding = headers.get('content-encoding');
      if (encoding !== null && encoding !== 'identity') return { unreadable: 'compressed' };
      if (typeof given === 'string' && given.length <= maxBytes / 3) return { text: given };
      const bytes = await bytesOf(maxBytes);
      if (typeof bytes === 'string') return { unreadable: bytes };
      if (bytes.byteLength > maxBytes) return { unreadable: 'too-large' };
      try {
        return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
      } catch {
        return { unreadable: 'not-text' };
      }
    },
    send(fetch, text, signal) {
      const body = text ?? taken;
      if (body === undefined) return fetch(input, { ...init, signal });
      // What was said of the body's size no longer holds.
      const own = new Headers(headers);
      own.delete('content-length');
      const { duplex: _duplex, ...others } = init;
      const sent = { ...others, headers: own, body, signal } as RequestInit;
      return request ? fetch(new Request(request, sent)) : fetch(input, sent);
    },
  };
}
