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
import type { WireArgument } from './clients.ts';
import { isReadable, type AccountKeys, type Keyspace } from './keys.ts';

/** A call of a script: keys, the numbers in the order in which the script reads them, and texts. */
export interface ScriptCall {
  readonly keys: string[];
  readonly numbers: number[];
  /** ARGV after the numbers: the first has the place 2. */
  readonly texts: WireArgument[];
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

export function addAmounts(numbers: number[], amounts: Amounts): void {
  numbers.push(
    amounts.usd,
    amounts.tokens,
    amounts.inputTokens,
    amounts.outputTokens,
    amounts.reasoningTokens,
    amounts.steps,
    amounts.modelCalls,
    amounts.toolCalls,
  );
}

/** A 1 and the amounts, or a 0. */
export function addOptionalAmounts(numbers: number[], amounts: Amounts | undefined): void {
  numbers.push(amounts === undefined ? 0 : 1);
  if (amounts !== undefined) addAmounts(numbers, amounts);
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
  /** A mark that changes with the limits, then thresholds and limits as the scripts read them: their counts, and all of them. */
  readonly limitsMark: number;
  readonly thresholds: readonly number[];
  readonly limits: readonly number[];
}

/** A run names the same accounts in each of its steps. */
const knownFacts = new WeakMap<Keyspace, WeakMap<AccountRef, AccountFacts>>();

export function factsOf(ref: AccountRef, { keys }: RequestSettings): AccountFacts {
  let known = knownFacts.get(keys);
  if (!known) knownFacts.set(keys, (known = new WeakMap()));
  let facts = known.get(ref);
  if (!facts) {
    facts = {
      keys: keys.account(ref, ref.window),
      registry: keys.registry(ref.tenant),
      window: ref.window,
      isCharging: ref.onExpire === 'charge',
      names: isReadable(ref) ? undefined : ref,
      limitsMark: markOf(ref.limits),
      thresholds: ref.alertAt,
      limits: limitsOf(ref),
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

/** Five numbers for each dimension that has a limit: see lua/admission.lua. */
function limitsOf({ limits, tighter, kept }: AccountRef): number[] {
  return dimensions.flatMap((dimension, index) => {
    const [limit, own, keptBack] = [limits[dimension], tighter?.[dimension], kept?.[dimension] ?? 0];
    if (limit === undefined && own === undefined && keptBack === 0) return [];
    const ceiling = limit === undefined ? own : own === undefined ? limit : Math.min(limit, own);
    return [index + 1, ceiling ?? -1, keptBack, limit ?? -1, own ?? -1];
  });
}

/** The keys of accounts as the scripts expect them: their states at first, and after all others what is seldom needed. */
export interface AccountsPart {
  readonly states: string[];
  readonly registries: string[];
  readonly others: string[];
}

export function keysOf(accounts: readonly AccountFacts[]): AccountsPart {
  const part: AccountsPart = { states: [], registries: [], others: [] };
  for (const { keys, registry, window } of accounts) {
    part.states.push(keys.state);
    if (!part.registries.includes(registry)) part.registries.push(registry);
    part.others.push(keys.holds, keys.index);
    if (window.kind === 'rolling') part.others.push(keys.slots);
  }
  return part;
}

/** Writes the eight numbers of each account. `before` is how many keys stand before those of the registries. */
export function addAccounts(
  { numbers, texts }: ScriptCall,
  accounts: readonly AccountFacts[],
  { registries }: AccountsPart,
  before: number,
  settings: RequestSettings,
): void {
  for (const { registry, window, isCharging, names } of accounts) {
    const retention = window.kind === 'lifetime' ? settings.retentionMs : GRACE_MS;
    let named = 0;
    if (names) {
      texts.push(names.scope, names.id, names.tenant);
      named = texts.length - 1;
    }
    numbers.push(kinds[window.kind], retention, isCharging ? 1 : 0, named, before + registries.indexOf(registry) + 1);
    if (window.kind === 'calendar') {
      const [first, second, third] = stretchesAt(window, settings.serverNow);
      numbers.push(first, second, third);
    } else if (window.kind === 'rolling') numbers.push(window.lengthMs, window.slotMs, 0);
    else numbers.push(0, 0, 0);
  }
}

/** Writes one place in a list of accounts: which account, and its limits as this admission meets them. */
export function addRef({ numbers }: ScriptCall, account: number, { limitsMark, thresholds, limits }: AccountFacts): void {
  numbers.push(account, limitsMark, thresholds.length, limits.length / 5);
  for (const threshold of thresholds) numbers.push(threshold);
  for (const limit of limits) numbers.push(limit);
}

export function addAsk(
  { numbers }: ScriptCall,
  { base, perUnit, unitsWanted = 0, unitsLeast = unitsWanted, yielding, gates = [], isClosing }: Ask,
): void {
  addAmounts(numbers, base);
  addOptionalAmounts(numbers, perUnit);
  numbers.push(unitsWanted, unitsLeast, yielding ? 1 : 0);
  if (yielding) for (const dimension of dimensions) numbers.push(yielding.includes(dimension) ? 1 : 0);
  numbers.push(isClosing ? 1 : 0, gates.length);
  for (const { account, dimension, below } of gates) numbers.push(account + 1, dimensions.indexOf(dimension) + 1, below);
}

/** The numbers as the scripts read them: little-endian doubles in one string. */
export function packed(numbers: readonly number[]): Buffer {
  const bytes = Buffer.from(new Float64Array(numbers).buffer);
  return isLittleEndian ? bytes : bytes.swap64();
}

export const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
