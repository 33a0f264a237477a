import { createHash } from 'node:crypto';
import { resolveWindow, windowName, type AccountId, type CalendarUnit, type ResolvedWindow, type Weekday } from 'holdfast';

/** The version of the layout of keys and states. A change of it begins with empty accounts. */
const LAYOUT = 3;

/** What stands in a key as it is; anything else, and anything long, is replaced by a hash. */
const plain = /^[\w.@-]{1,64}$/;

/** A name as a part of a key: it cannot break out of its place, nor out of the hash tag. */
export const keyPart = (name: string): string =>
  plain.test(name) ? name : `~${createHash('sha256').update(name, 'utf16le').digest('hex').slice(0, 32)}`;

/** Whether the names of an account can be read from its keys. The tenant of the scope `global` is the empty text. */
export const isReadable = ({ tenant, scope, id }: AccountId): boolean =>
  (tenant === '' || plain.test(tenant)) && plain.test(scope) && plain.test(id);

/** The keys of one account. */
export interface AccountKeys {
  readonly state: string;
  readonly index: string;
  /** For rolling windows. */
  readonly slots: string;
}

/** The keys of a slot. */
export interface SlotKeys {
  /** The mark by which a loss of data is noticed. */
  readonly mark: string;
  /** The holds, by expiry. */
  readonly holds: string;
}

/** What an index is about, as it stands in keys. */
export interface IndexFacts {
  readonly scopePart: string;
  readonly window: ResolvedWindow;
}

/** How keys are called: all keys of a tenant are in one slot of a cluster. */
export interface Keyspace {
  account(id: AccountId, window: ResolvedWindow): AccountKeys;
  record(tenant: string, id: string): string;
  /** The keys of a slot: of a tenant, or for all of them the empty text. */
  slot(tenant: string): SlotKeys;
  /** The keys of the slot in which a registry is. */
  slotOf(registry: string): SlotKeys;
  /** The set of the index keys of a tenant. */
  registry(tenant: string): string;
  /** A pattern for the registries of all tenants. */
  readonly registries: string;
  /** The tenant as it stands in the key of a registry; the empty text for the scope `global`. */
  tenantIn(registry: string): string;
  factsOf(index: string): IndexFacts;
  /** The keys of an account that is a member of an index. */
  member(index: string, idPart: string): AccountKeys;
  /** What the key of an account's state is about. */
  accountAt(state: string): { readonly keys: AccountKeys; readonly window: ResolvedWindow; readonly registry: string };
}

export function keyspace(prefix: string): Keyspace {
  const root = `${prefix}:${LAYOUT}:{`;
  const tenantRoot = (tenant: string): string => `${root}${tenant === '' ? '~' : keyPart(tenant)}}`;
  const keysOf = (start: string, kind: string, idPart: string): AccountKeys => ({
    state: `${start}:a/${kind}/${idPart}`,
    slots: `${start}:s/${kind}/${idPart}`,
    index: `${start}:i/${kind}`,
  });
  const slotAt = (start: string): SlotKeys => ({ mark: `${start}:mark`, holds: `${start}:holds` });
  const split = (index: string): readonly [start: string, kind: string] => {
    const at = index.indexOf(':i/', root.length);
    return [index.slice(0, at), index.slice(at + 3)];
  };
  return {
    account: ({ tenant, scope, id }, window) => keysOf(tenantRoot(tenant), `${windowName(window)}/${keyPart(scope)}`, keyPart(id)),
    record: (tenant, id) => `${tenantRoot(tenant)}:r/${keyPart(id)}`,
    slot: (tenant) => slotAt(tenantRoot(tenant)),
    slotOf: (registry) => slotAt(registry.slice(0, registry.lastIndexOf(':'))),
    registry: (tenant) => `${tenantRoot(tenant)}:all`,
    registries: `${root}*}:all`,
    tenantIn(registry) {
      const part = registry.slice(root.length, registry.lastIndexOf('}'));
      return part === '~' ? '' : part;
    },
    factsOf(index) {
      const [, kind] = split(index);
      const at = kind.lastIndexOf('/');
      return { scopePart: kind.slice(at + 1), window: windowCalled(kind.slice(0, at)) };
    },
    member: (index, idPart) => keysOf(...split(index), idPart),
    accountAt(state) {
      const at = state.indexOf(':a/', root.length);
      const [start, kind, idPart] = [
        state.slice(0, at),
        state.slice(at + 3, state.lastIndexOf('/')),
        state.slice(state.lastIndexOf('/') + 1),
      ];
      return {
        keys: keysOf(start, kind, idPart),
        window: windowCalled(kind.slice(0, kind.lastIndexOf('/'))),
        registry: `${start}:all`,
      };
    },
  };
}

/** The window that `windowName` calls so. */
function windowCalled(name: string): ResolvedWindow {
  if (name === 'lifetime') return resolveWindow('lifetime');
  const rolling = /^rolling-(\d+)ms$/.exec(name);
  if (rolling) return resolveWindow({ rolling: `${Number(rolling[1])}ms` });
  const [unit = '', timeZone] = name.split('@', 2);
  const [every, weekStart] = unit.split('-', 2);
  return resolveWindow({
    every: every as CalendarUnit,
    ...(timeZone !== undefined && { timeZone }),
    ...(weekStart !== undefined && { weekStart: weekStart as Weekday }),
  });
}
