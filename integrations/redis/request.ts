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

function addAmounts(numbers: number[], amounts: Amounts): void {
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

/** Until when an account does without its further keys. */
export interface AccountOutlook {
  /** How much may be spent until the account is listed anew, and whether by tokens, in billionths, for want of dollars. */
  readonly room: number;
  readonly isInTokens: boolean;
  /** How many more holds fit into its state. */
  readonly holds: number;
}

/** An account as a script is told of it. */
export interface AccountFacts {
  readonly keys: AccountKeys;
  readonly registry: string;
  readonly window: ResolvedWindow;
  readonly isCharging: boolean;
  /** Kept with the account where its keys hold only hashes of them. */
  readonly names: AccountId | undefined;
  /** The limits that an admission meets, as the scripts read them. */
  readonly limits: readonly number[];
  /** What the head of the account said last that it would need of its further keys; undefined is all. */
  outlook?: AccountOutlook | undefined;
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

/**
 * A mark that changes with the limits, how many numbers there are for each limit and for all, how many thresholds; thresholds;
 * limits (lua/limits.lua).
 */
function limitsOf({ limits, tighter, kept, alertAt }: AccountRef): number[] {
  const isPlain = !tighter && !kept;
  const numbers = dimensions.flatMap((dimension, index) => {
    const [limit, own, keptBack] = [limits[dimension], tighter?.[dimension], kept?.[dimension] ?? 0];
    if (limit === undefined && own === undefined && keptBack === 0) return [];
    const ceiling = limit === undefined ? own : own === undefined ? limit : Math.min(limit, own);
    return isPlain ? [index + 1, ceiling ?? -1] : [index + 1, ceiling ?? -1, keptBack, limit ?? -1, own ?? -1];
  });
  return [markOf(limits), isPlain ? 2 : 5, numbers.length, alertAt.length, ...alertAt, ...numbers];
}

/**
 * Writes the eight numbers of each account, and adds its further keys at the end of all, where `needsAll` says that they will be
 * needed. All other keys are there already.
 */
export function addAccounts(
  { keys, numbers, texts }: ScriptCall,
  accounts: readonly AccountFacts[],
  settings: RequestSettings,
  needsAll: (account: AccountFacts) => boolean = () => true,
): void {
  for (const account of accounts) {
    const { keys: own, registry, window, isCharging, names } = account;
    const retention = window.kind === 'lifetime' ? settings.retentionMs : GRACE_MS;
    let [named, othersAt] = [0, 0];
    if (names) {
      texts.push(names.scope, names.id, names.tenant);
      named = texts.length - 1;
    }
    if (window.kind === 'rolling') othersAt = keys.push(registry, own.holds, own.index, own.slots) - 3;
    else if (needsAll(account)) othersAt = keys.push(registry, own.holds, own.index) - 2;
    numbers.push(kinds[window.kind], retention, isCharging ? 1 : 0, named, othersAt);
    if (window.kind === 'calendar') {
      const [first, second, third] = stretchesAt(window, settings.serverNow);
      numbers.push(first, second, third);
    } else if (window.kind === 'rolling') numbers.push(window.lengthMs, window.slotMs, 0);
    else numbers.push(0, 0, 0);
  }
}

/** Writes one place in a list of accounts: which account, and its limits as this admission meets them. */
export function addRef({ numbers }: ScriptCall, account: number, { limits }: AccountFacts): void {
  numbers.push(account);
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

/** Room in which numbers are written down; what is sent is a copy, so that one room serves all calls. */
let room = new Float64Array(1_024);

/** The numbers as the scripts read them: little-endian doubles in one string. */
export function packed(numbers: readonly number[]): Buffer {
  if (numbers.length > room.length) room = new Float64Array(2 * numbers.length);
  room.set(numbers);
  const bytes = Buffer.from(new Uint8Array(room.buffer, 0, 8 * numbers.length));
  return isLittleEndian ? bytes : bytes.swap64();
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
