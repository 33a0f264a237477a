import { InvalidOptionError } from '../core/errors.ts';

/** The longest id of a scope, in characters. */
const MAX_ID_LENGTH = 512;

/** Ids by scope, as a run is given them, checked. Numbers become texts; empty and absent ones are missing. */
export function checkIds(ids: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [scope, id] of Object.entries(ids)) {
    const problem = (message: string): InvalidOptionError =>
      new InvalidOptionError('scopes', [{ path: `scopes.${scope}`, message, value: typeof id === 'string' ? id.slice(0, 40) : id }]);
    if (scope === 'run') throw problem("a run's id is given as `id`");
    if (scope === 'global') throw problem('the global scope has no ids');
    if (!known.has(scope)) throw problem(noSuchScope(known));
    if (id === undefined || id === null || id === '') continue;
    if (typeof id !== 'string' && !(typeof id === 'number' && Number.isFinite(id)))
      throw problem(`expected a text, got ${typeof id === 'number' ? id : `a value of type ${typeof id}`}`);
    const text = String(id);
    if (text.length > MAX_ID_LENGTH) throw problem(`expected at most ${MAX_ID_LENGTH} characters, got ${text.length}; hash long ids`);
    checked[scope] = text;
  }
  return checked;
}

/** Refuses limits on scopes that the guard does not have. */
export function checkScopes(budgets: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): void {
  const issues = Object.keys(budgets)
    .filter((scope) => !known.has(scope))
    .map((scope) => ({ path: `budgets.${scope}`, message: noSuchScope(known), value: scope }));
  if (issues.length > 0) throw new InvalidOptionError('options of a run', issues);
}

const noSuchScope = (known: ReadonlySet<string>): string =>
  `this guard has no scope of this name; it has ${[...known].join(', ')}; give it a budget to add it`;
