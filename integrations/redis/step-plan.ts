import { dimensions, type AccountRef, type Amounts, type Ask, type Dimension } from 'holdfast';
import type { Keyspace } from './keys.ts';
import { accountNumbers, factsOf, namesOf, packed, type AccountFacts, type RequestSettings } from './request.ts';
import type { StepRequest } from './step.ts';

/** The accounts of a step and the places that name them, each once however often it is named. */
export interface StepPlan {
  readonly refs: readonly AccountRef[];
  /** The number of a place, from 1. */
  readonly numbers: ReadonlyMap<AccountRef, number>;
  readonly places: readonly { readonly account: number; readonly facts: AccountFacts }[];
  readonly accounts: readonly AccountFacts[];
  /** The keys of the states of the accounts, and the names of those whose keys hold only hashes. */
  readonly states: readonly string[];
  readonly names: readonly string[];
  /** Whether a step in these accounts can be one of those that lua/common.lua does. */
  readonly isOrdinary: boolean;
  /** What the script is told of all this, as long as the accounts' windows do not end. */
  told?: { readonly bytes: Buffer; readonly from: number; readonly until: number };
}

/** A run takes its steps in the same accounts. */
const known = new WeakMap<Keyspace, WeakMap<readonly AccountRef[], StepPlan>>();

export function planFor({ settlements, reservations }: StepRequest, settings: RequestSettings): StepPlan {
  const lists = [...settlements, ...reservations].map(({ accounts }) => accounts);
  const first = lists.at(-1) ?? [];
  if (!lists.every((list) => isSame(list, first))) return { ...planOf(lists.flat(), settings), isOrdinary: false };
  let plans = known.get(settings.keys);
  if (!plans) known.set(settings.keys, (plans = new WeakMap()));
  let plan = plans.get(first);
  if (!plan || !isSame(plan.refs, first)) plans.set(first, (plan = planOf(first, settings)));
  return plan;
}

export function isSame(a: readonly AccountRef[], b: readonly AccountRef[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let place = 0; place < a.length; place += 1) if (a[place] !== b[place]) return false;
  return true;
}

function planOf(named: readonly AccountRef[], settings: RequestSettings): StepPlan {
  const refs = [...new Set(named)];
  const accounts: AccountFacts[] = [];
  const accountOf = new Map<string, number>();
  const places = refs.map((ref) => {
    const facts = factsOf(ref, settings);
    let account = accountOf.get(facts.keys.state);
    if (account === undefined) accountOf.set(facts.keys.state, (account = accounts.push(facts)));
    return { account, facts };
  });
  return {
    refs,
    numbers: new Map(refs.map((ref, place) => [ref, place + 1])),
    places,
    accounts,
    states: accounts.map(({ keys }) => keys.state),
    names: namesOf(accounts),
    isOrdinary:
      accounts.length === named.length && accounts.every(({ window, alertsByGuard }) => window.kind !== 'rolling' && alertsByGuard),
  };
}

/** What the script is told of the accounts. */
export function accountsOf(plan: StepPlan, settings: RequestSettings): Buffer {
  const now = settings.serverNow;
  if (plan.told && now >= plan.told.from && now < plan.told.until) return plan.told.bytes;
  const { numbers, from, until } = accountNumbers(plan.accounts, plan.places, settings);
  plan.told = { bytes: packed(numbers), from, until };
  return plan.told.bytes;
}

/** What a step holds whose first ask is granted whole, and up to where it may fill its accounts, where that is not as usual. */
export interface OrdinaryStep {
  readonly units: number;
  readonly amounts: Amounts;
  readonly ceilings: readonly Ceiling[];
}

interface Ceiling {
  readonly place: number;
  readonly dimension: number;
  readonly ceiling: number;
}

/** A step that settles at most one reservation and makes another one in the same accounts; undefined for any other. */
export function ordinaryStep({ settlements, reservations }: StepRequest, plan: StepPlan): OrdinaryStep | undefined {
  const ask = reservations[0]?.asks[0];
  if (!ask || reservations.length > 1 || settlements.length > 1) return undefined;
  const { base, perUnit, unitsWanted: units = 0, yielding } = ask;
  if (!perUnit) return { units, amounts: base, ceilings: ceilingsOf(ask, plan) };
  const amounts = {} as Record<Dimension, number>;
  for (const dimension of dimensions) {
    const isYielding = yielding !== undefined && yielding.includes(dimension);
    if (isYielding && perUnit[dimension] !== 0) return undefined;
    amounts[dimension] = base[dimension] + perUnit[dimension] * units;
  }
  return { units, amounts, ceilings: ceilingsOf(ask, plan) };
}

/** Gates are further ceilings of the accounts at which they stand; a closing step may use what is kept back. */
function ceilingsOf({ gates = [], isClosing }: Ask, { accounts }: StepPlan): Ceiling[] {
  const ceilings: Ceiling[] = [];
  const usual = (facts: AccountFacts): readonly number[] => (isClosing ? facts.closingCeilings : facts.ceilings);
  if (isClosing) {
    for (const [place, facts] of accounts.entries())
      for (const [dimension, ceiling] of facts.closingCeilings.entries())
        if (ceiling !== facts.ceilings[dimension]) ceilings.push({ place, dimension, ceiling });
  }
  const lowest = new Map<number, number>();
  for (const { account: place, dimension: name, below } of gates) {
    const facts = accounts[place];
    if (!facts) continue;
    const dimension = dimensions.indexOf(name);
    const at = dimensions.length * place + dimension;
    const ceiling = Math.min(facts.closingCeilings[dimension]! * below, lowest.get(at) ?? usual(facts)[dimension]!);
    lowest.set(at, ceiling);
    ceilings.push({ place, dimension, ceiling });
  }
  return ceilings;
}

/** Where ceilings stand among the numbers of an account (lua/account.lua). */
const [ACCOUNT_SIZE, CEILINGS_AT] = [128, 64];

export function withCeilings(told: Buffer, ceilings: readonly Ceiling[]): Buffer {
  if (ceilings.length === 0) return told;
  const bytes = Buffer.from(told);
  for (const { place, dimension, ceiling } of ceilings) bytes.writeDoubleLE(ceiling, ACCOUNT_SIZE * place + CEILINGS_AT + 8 * dimension);
  return bytes;
}
