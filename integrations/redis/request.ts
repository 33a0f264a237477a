import { createHash } from 'node:crypto';
import {
  dimensions,
  stretchAt,
  type AccountId,
  type AccountRef,
  type AmountLimits,
  type Amounts,
  type Ask,
  type Dimension,
  type ResolvedWindow,
} from 'holdfast';
import type { WireArgument } from './clients.ts';
import { isReadable, type AccountKeys, type Keyspace } from './keys.ts';

/** A call of a script. */
export interface ScriptCall {
  readonly keys: string[];
  /** What is new in each call, in the order in which the script reads it. */
  readonly numbers: number[];
  /** What it is told of accounts and of the places that name them, packed. */
  readonly accounts?: WireArgument;
  /** The epoch of the mark, for a step. */
  readonly epoch?: string;
  /** Where the other keys of each account begin among the keys, or 0; nothing where none were sent. */
  readonly others?: readonly number[];
  /** The names of accounts whose keys hold only hashes. */
  readonly names?: readonly string[];
}

/** What a script is sent after its keys. */
export const argumentsOf = ({ numbers, accounts = '', epoch = '', others = [], names = [] }: ScriptCall): WireArgument[] => [
  packed(numbers),
  accounts,
  epoch,
  others.length > 0 ? packed(others) : '',
  ...names,
];

/** What a script is told of keys, of time and of how long things are kept. */
export interface RequestSettings {
  readonly keys: Keyspace;
  /** The clock to use instead of the server's, or undefined. */
  readonly instead: number | undefined;
  /** The client's idea of the server's time: decides which stretches are sent along. */
  readonly serverNow: number;
  /** Holds that were overdue at this moment are freed before anything else; -1 is the moment of the call. */
  readonly overdueAt: number;
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

/** Until when an account does without its other keys. */
export interface AccountOutlook {
  /** How much may be spent until the account is listed anew, and whether by tokens, in billionths, for want of dollars. */
  readonly room: number;
  readonly isInTokens: boolean;
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
  /** For each dimension what an ordinary step and what a closing one may fill, or Infinity. */
  readonly ceilings: readonly number[];
  readonly closingCeilings: readonly number[];
  /** Whether alerts look at the limits of the guard alone. */
  readonly alertsByGuard: boolean;
  /** What the head of the account said last that it would need of its other keys; undefined is all. */
  outlook?: AccountOutlook | undefined;
}

/** What is told of an account of which only its keys are known: enough to read it, and to free what is held in it. */
export const ofStranger = {
  isCharging: false,
  names: undefined,
  limits: [],
  ceilings: dimensions.map(() => 0),
  closingCeilings: [],
  alertsByGuard: true,
} as const satisfies Partial<AccountFacts>;

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
      ceilings: dimensions.map((dimension) => ceilingOf(ref, dimension) - (ref.kept?.[dimension] ?? 0)),
      closingCeilings: dimensions.map((dimension) => ceilingOf(ref, dimension)),
      alertsByGuard:
        ref.alertAt.length === 0 || dimensions.every((each) => ref.tighter?.[each] === undefined || ref.limits[each] !== undefined),
    };
    known.set(ref, facts);
  }
  return facts;
}

const ceilingOf = ({ limits, tighter }: AccountRef, dimension: Dimension): number =>
  Math.min(limits[dimension] ?? Infinity, tighter?.[dimension] ?? Infinity);

/** A number that two sets of limits and thresholds hardly ever share: the account is written anew when it differs. */
function markOf(limits: AmountLimits, alertAt: readonly number[]): number {
  const text = [...dimensions.map((dimension) => limits[dimension] ?? ''), ...alertAt].join();
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
  return [markOf(limits, alertAt), isPlain ? 2 : 5, numbers.length, alertAt.length, ...alertAt, ...numbers];
}

/**
 * What a script is told of accounts and of the places that name them, by the number of the account, from 1; and from when until
 * when that is so.
 */
export function accountNumbers(
  accounts: readonly AccountFacts[],
  places: readonly { readonly account: number; readonly facts: AccountFacts }[],
  settings: RequestSettings,
): { readonly numbers: number[]; readonly from: number; readonly until: number } {
  const numbers: number[] = [];
  let [from, until] = [-Infinity, Infinity];
  let namesAt = FIRST_NAME_AT;
  for (const { window, isCharging, names, limits, ceilings } of accounts) {
    const retention = window.kind === 'lifetime' ? settings.retentionMs : GRACE_MS;
    numbers.push(kinds[window.kind], retention, isCharging ? 1 : 0, names ? namesAt : 0);
    if (names) namesAt += 3;
    if (window.kind === 'calendar') {
      const [first, second, third] = stretchesAt(window, settings.serverNow);
      numbers.push(first, second, third);
      [from, until] = [Math.max(from, first), Math.min(until, second)];
    } else if (window.kind === 'rolling') numbers.push(window.lengthMs, window.slotMs, 0);
    else numbers.push(0, Infinity, 0);
    numbers.push(limits[0] ?? 0, ...ceilings);
  }
  for (const { account, facts } of places) numbers.push(account, ...facts.limits);
  return { numbers, from, until };
}

/** The place of the first name in ARGV. */
const FIRST_NAME_AT = 5;

export const namesOf = (accounts: readonly AccountFacts[]): string[] =>
  accounts.flatMap(({ names }) => (names ? [names.scope, names.id, names.tenant] : []));

/** Adds the other keys of accounts that will need them; says where those of each begin, or nothing where none will. */
export function addOtherKeys(keys: string[], accounts: readonly AccountFacts[], needsThem: (account: AccountFacts) => boolean): number[] {
  const others: number[] = [];
  for (const [place, account] of accounts.entries()) {
    const { keys: own, registry, window } = account;
    if (window.kind === 'rolling') others[place] = keys.push(registry, own.index, own.slots) - 2;
    else if (needsThem(account)) others[place] = keys.push(registry, own.index) - 1;
  }
  return others.length === 0 ? others : accounts.map((_, place) => others[place] ?? 0);
}

export function addAsk(
  numbers: number[],
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
