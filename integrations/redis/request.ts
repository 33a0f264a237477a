import { createHash } from 'node:crypto';
import {
  dimensions,
  stretchAt,
  type AccountId,
  type AccountRef,
  type AmountLimits,
  type Amounts,
  type Ask,
  type ResolvedWindow,
} from 'holdfast';
import { isReadable, type AccountKeys, type Keyspace } from './keys.ts';

/** A call of a script: keys, the numbers in the order in which the script reads them, and texts. */
export interface ScriptCall {
  readonly keys: string[];
  readonly numbers: number[];
  /** ARGV after the numbers: the first has the place 2. */
  readonly texts: string[];
}

/** What a script is told of keys, of time and of how long things are kept. */
export interface RequestSettings {
  readonly keys: Keyspace;
  /** The clock to use instead of the server's, or undefined. */
  readonly instead: number | undefined;
  /** The client's idea of the server's time: decides which stretches are sent along. */
  readonly serverNow: number;
  readonly retentionMs: number;
  readonly rememberMs: number;
}

/** How long an account outlives the end of its window. */
const GRACE_MS = 3_600_000;
const kinds = { lifetime: 0, calendar: 1, rolling: 2 } as const;

/** Begins a call over accounts: what comes `before` all, then the registries of their tenants. */
export function beginCall(
  accounts: Iterable<AccountFacts>,
  { instead }: RequestSettings,
  before: { readonly keys: readonly string[]; readonly texts: readonly string[] } = { keys: [], texts: [] },
): ScriptCall {
  const registries = new Set<string>();
  for (const { registry } of accounts) registries.add(registry);
  return { keys: [...before.keys, ...registries], numbers: [instead ?? -1, registries.size], texts: [...before.texts] };
}

export function addKey(call: ScriptCall, key: string): void {
  call.keys.push(key);
  call.numbers.push(call.keys.length);
}

export function addText(call: ScriptCall, text: string): void {
  call.texts.push(text);
  call.numbers.push(call.texts.length + 1);
}

export function addAmounts({ numbers }: ScriptCall, amounts: Amounts): void {
  for (const dimension of dimensions) numbers.push(amounts[dimension]);
}

export function addLimits({ numbers }: ScriptCall, limits: AmountLimits): void {
  for (const dimension of dimensions) numbers.push(limits[dimension] ?? -1);
}

/** A 1 and what follows it, or a 0. */
export function addOptional<T>(call: ScriptCall, value: T | undefined, add: (call: ScriptCall, value: T) => void): void {
  call.numbers.push(value === undefined ? 0 : 1);
  if (value !== undefined) add(call, value);
}

/** Three moments: the stretch that is current, and the one after it, should the server be there already. */
const stretches = new WeakMap<ResolvedWindow, readonly [first: number, second: number, third: number]>();

function stretchesAt(window: ResolvedWindow, now: number): readonly [first: number, second: number, third: number] {
  const known = stretches.get(window);
  if (known && now >= known[0] && now < known[1]) return known;
  const { start, end } = stretchAt(window, now);
  const second = end ?? start;
  const fresh = [start, second, stretchAt(window, second).end ?? second] as const;
  stretches.set(window, fresh);
  return fresh;
}

/** An account as a script is told of it. */
export interface AccountFacts {
  readonly keys: AccountKeys;
  readonly registry: string;
  readonly window: ResolvedWindow;
  readonly isCharging: boolean;
  /** Kept with the account where its keys hold only hashes of them. */
  readonly names: AccountId | undefined;
  /** Changes with the limits. */
  readonly limitsMark: number;
}

/** A run names the same accounts in each of its steps. */
const knownFacts = new WeakMap<Keyspace, WeakMap<AccountRef, AccountFacts>>();

export function factsOf(ref: AccountRef, { keys }: RequestSettings): AccountFacts {
  const known = knownFacts.get(keys) ?? new WeakMap<AccountRef, AccountFacts>();
  knownFacts.set(keys, known);
  let facts = known.get(ref);
  if (!facts) {
    facts = {
      keys: keys.account(ref, ref.window),
      registry: keys.registry(ref.tenant),
      window: ref.window,
      isCharging: ref.onExpire === 'charge',
      names: isReadable(ref) ? undefined : ref,
      limitsMark: markOf(ref.limits),
    };
    known.set(ref, facts);
  }
  return facts;
}

/** A number that two sets of limits hardly ever share: the account is written anew when it differs. */
function markOf(limits: AmountLimits): number {
  const text = dimensions.map((dimension) => limits[dimension] ?? '').join();
  return createHash('sha256').update(text).digest().readUIntBE(0, 6) + 1;
}

/** The account's keys, its window, and how it is kept. */
export function addAccount(
  call: ScriptCall,
  { keys: { state, holds, index, slots }, registry, window, isCharging, names }: AccountFacts,
  settings: RequestSettings,
): void {
  const { keys, numbers } = call;
  numbers.push(keys.indexOf(registry) + 1, kinds[window.kind]);
  keys.push(state, holds, index);
  if (window.kind === 'calendar') numbers.push(...stretchesAt(window, settings.serverNow));
  if (window.kind === 'rolling') {
    keys.push(slots);
    numbers.push(window.lengthMs, window.slotMs);
  }
  numbers.push(window.kind === 'lifetime' ? settings.retentionMs : GRACE_MS, isCharging ? 1 : 0);
  if (!names) numbers.push(0);
  else {
    addText(call, names.scope);
    call.texts.push(names.id, names.tenant);
  }
}

export function addRef(
  call: ScriptCall,
  account: number,
  { limitsMark }: AccountFacts,
  { limits, tighter, kept, alertAt }: AccountRef,
): void {
  call.numbers.push(account, limitsMark);
  addLimits(call, limits);
  addOptional(call, tighter, addLimits);
  addOptional(call, kept, addLimits);
  call.numbers.push(alertAt.length, ...alertAt);
}

export function addAsk(
  call: ScriptCall,
  { base, perUnit, unitsWanted = 0, unitsLeast = unitsWanted, yielding, gates = [], isClosing }: Ask,
): void {
  const { numbers } = call;
  addAmounts(call, base);
  addOptional(call, perUnit, addAmounts);
  numbers.push(unitsWanted, unitsLeast, yielding ? 1 : 0);
  if (yielding) for (const dimension of dimensions) numbers.push(yielding.includes(dimension) ? 1 : 0);
  numbers.push(isClosing ? 1 : 0, gates.length);
  for (const { account, dimension, below } of gates) numbers.push(account + 1, dimensions.indexOf(dimension) + 1, below);
}

/** The numbers as the scripts read them: little-endian doubles in one string. */
export function packed(numbers: readonly number[]): Buffer {
  const bytes = Buffer.from(Float64Array.from(numbers).buffer);
  return isLittleEndian ? bytes : bytes.swap64();
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
