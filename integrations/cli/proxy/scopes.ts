import type { IncomingHttpHeaders } from 'node:http';
import { scopedBy, type Caller, type Owner } from './keys.ts';
import { isId, type PathIds } from './routes.ts';

/** For whom a request works, or why it may not say so. */
export type Scoped = Owner | { readonly kind: 'refusal'; readonly status: number; readonly message: string };

/** What a client may name, and by which header: scopes where it is trusted, and its run. */
const named = ['tenant', 'user', 'feature', 'session', 'run'].map((scope) => ({ scope, header: `holdfast-${scope}` }));

const isNamed = (path: PathIds, headers: IncomingHttpHeaders): boolean =>
  named.some(({ scope, header }) => path[scope] !== undefined || headers[header] !== undefined);

/**
 * The scopes of a request: those of its key, and where the key is trusted, those that path and headers (`holdfast-user`, …)
 * name beside them. A key's own are never replaced: a client does not choose whose budget it spends. The run is a name of the
 * caller's own, and needs no trust: a new run has less to spend than the user, never more.
 */
export function scopesOf(caller: Caller, path: PathIds, headers: IncomingHttpHeaders): Scoped {
  if (!isNamed(path, headers)) return caller.own;
  const asked: Record<string, string> = {};
  for (const { scope, header } of named) {
    const ids = [path[scope], headers[header]].filter((id) => id !== undefined);
    if (ids.length === 0) continue;
    const [id] = ids;
    if (ids.some((other) => other !== id)) return refusal(400, `path and header name two different ids for ${scope}`);
    if (typeof id !== 'string' || !isId(id))
      return refusal(400, `the id for ${scope} is not one: 1 to 256 characters, no control characters`);
    asked[scope] = id;
  }
  const { run, ...ids } = asked;
  if (Object.keys(ids).length > 0 && !caller.trustIds) {
    return refusal(403, `this key may not name a ${Object.keys(ids)[0]}; set trustIds for it, or leave the id out`);
  }
  for (const [scope, id] of Object.entries(ids)) {
    if (caller.scopes[scope] !== undefined && caller.scopes[scope] !== id) return refusal(403, `this key belongs to another ${scope}`);
  }
  return { ...scopedBy(caller.name, { ...ids, ...caller.scopes }), run };
}

const refusal = (status: number, message: string): Scoped => ({ kind: 'refusal', status, message });
