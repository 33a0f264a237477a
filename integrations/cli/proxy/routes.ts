/** Which provider's words a path speaks. */
export type Protocol = 'openai' | 'anthropic';

/** A call that the proxy knows. Everything else is refused: what is not known cannot be metered. */
export interface Route {
  readonly protocol: Protocol;
  readonly method: 'GET' | 'POST';
  /** The path below the upstream's `/v1`, such as `/chat/completions`. */
  readonly path: string;
  /** Where the body keeps what was said so far. */
  readonly api: 'chat' | 'responses' | 'messages' | 'embeddings' | 'free';
}

/** Ids that a client names in the path. */
export type PathIds = Readonly<Record<string, string>>;

export type Routed =
  | { readonly kind: 'route'; readonly route: Route; readonly ids: PathIds; readonly query: string }
  | { readonly kind: 'refusal'; readonly status: number; readonly message: string };

const metered: ReadonlyMap<string, Route> = new Map(
  (
    [
      { protocol: 'openai', api: 'chat', method: 'POST', path: '/chat/completions' },
      { protocol: 'openai', api: 'responses', method: 'POST', path: '/responses' },
      { protocol: 'openai', api: 'embeddings', method: 'POST', path: '/embeddings' },
      { protocol: 'anthropic', api: 'messages', method: 'POST', path: '/messages' },
    ] as const
  ).map((route) => [route.path, route]),
);

/** Calls that providers do not bill: they pass, for callers who are known. */
const COUNT_TOKENS = '/messages/count_tokens';
const models = /^\/models(?:\/[\w.:@-]{1,128})?$/;

const letters: Readonly<Record<string, string>> = { t: 'tenant', u: 'user', f: 'feature', s: 'session', r: 'run' };

const URL_LENGTH_MAX = 4_096;
const ID_LENGTH_MAX = 256;

/**
 * What a request's target asks for: `/v1/…`, or `/u/alice/f/search/v1/…` with ids in front. Only an origin's own paths are
 * taken, letter by letter: no absolute addresses, no dot segments, no encoded slashes.
 */
export function routeOf(method: string, target: string): Routed {
  if (!target.startsWith('/') || target.length > URL_LENGTH_MAX) return refusal(400, 'the request target is not a path');
  const [path, query] = splitOnce(target, '?');
  const start = path.startsWith('/v1/') ? 0 : path.indexOf('/v1/');
  const ids = start > 0 ? idsIn(path.slice(1, start)) : start === 0 ? {} : undefined;
  if (!ids) return refusal(404, 'there is nothing here');
  const rest = path.slice(start + '/v1'.length);
  const route = knownRoute(method, rest);
  if (route === 'method') return refusal(405, 'this path is not asked in this way');
  if (!route) return refusal(404, 'this call is not one that the proxy can meter');
  if (query !== '' && !/^[\w.~%&=+,:@-]{0,1024}$/.test(query)) return refusal(400, 'the query has characters that are not taken');
  return { kind: 'route', route, ids, query: query === '' ? '' : `?${query}` };
}

function knownRoute(method: string, path: string): Route | 'method' | undefined {
  const call = metered.get(path);
  if (call) return method === 'POST' ? call : 'method';
  if (path === COUNT_TOKENS) return method === 'POST' ? { protocol: 'anthropic', api: 'free', method, path } : 'method';
  if (models.test(path) && !path.includes('..')) return method === 'GET' ? { protocol: 'openai', api: 'free', method, path } : 'method';
  return undefined;
}

/** `u/alice/f/search` as ids; undefined for anything else. */
function idsIn(prefix: string): PathIds | undefined {
  const parts = prefix.split('/');
  if (parts.length % 2 !== 0 || parts.length > 2 * Object.keys(letters).length) return undefined;
  const ids: Record<string, string> = {};
  for (let place = 0; place < parts.length; place += 2) {
    const scope = Object.hasOwn(letters, parts[place]!) ? letters[parts[place]!] : undefined;
    const id = decodedId(parts[place + 1]!);
    if (scope === undefined || id === undefined || Object.hasOwn(ids, scope)) return undefined;
    ids[scope] = id;
  }
  return ids;
}

function decodedId(part: string): string | undefined {
  try {
    const id = decodeURIComponent(part);
    return isId(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Ids that clients give: short, and nothing that a terminal or a log would read as more than a name. */
export const isId = (id: string): boolean => id.length > 0 && id.length <= ID_LENGTH_MAX && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(id);

function splitOnce(text: string, at: string): readonly [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}

const refusal = (status: number, message: string): Routed => ({ kind: 'refusal', status, message });
