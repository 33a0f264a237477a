/** The part of a host's configuration that can name scopes: LangChain's `RunnableConfig` has this shape. */
export interface ConfigLike {
  readonly configurable?: Readonly<Record<string, unknown>> | undefined;
  readonly context?: unknown;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Where each scope's id is looked for, in this order. A user's own scopes are found under their own names. */
const keys: Readonly<Record<string, readonly string[]>> = {
  session: ['session_id', 'thread_id'],
  user: ['user_id'],
  tenant: ['tenant_id'],
  feature: ['feature'],
};

/**
 * Reads scope ids out of a host's configuration: `session_id` (else `thread_id`), `user_id`, `tenant_id`, `feature`, and the
 * user's own scopes by name, each from `configurable`, then `context`, then `metadata`.
 *
 * @example scopesFromConfig({ configurable: { thread_id: 't1', user_id: 'u1' } }, ['project']) // { session: 't1', user: 'u1' }
 */
export function scopesFromConfig(config: ConfigLike | undefined, ownScopes: Iterable<string> = []): Record<string, string> {
  const places = [config?.configurable, config?.context, config?.metadata].filter(
    (place): place is Record<string, unknown> => typeof place === 'object' && place !== null,
  );
  const ids: Record<string, string> = {};
  const wanted = new Map<string, readonly string[]>(Object.entries(keys));
  for (const scope of ownScopes) if (scope !== 'run' && scope !== 'global' && !wanted.has(scope)) wanted.set(scope, [scope, `${scope}_id`]);
  for (const [scope, names] of wanted) {
    const id = names.flatMap((name) => places.map((place) => place[name])).find(isId);
    if (id !== undefined) ids[scope] = String(id);
  }
  return ids;
}

const isId = (value: unknown): value is string | number => (typeof value === 'string' && value !== '') || typeof value === 'number';
