import type { AccountRef, Amounts, ReserveReply, ReserveRequest, SettleReply, SettleRequest, ThresholdCrossing } from 'holdfast';
import { nothing, readLimits, readMoment, readSums, tightened, type ReplyReader } from './reply.ts';
import {
  addAccount,
  addAmounts,
  addAsk,
  addKey,
  addOptional,
  addRef,
  addText,
  beginCall,
  factsOf,
  type AccountFacts,
  type RequestSettings,
  type ScriptCall,
} from './request.ts';

/** What one call of the step script does: any number of settlements, and perhaps one reservation. All in one slot. */
export interface StepRequest {
  /** The tenant of the slot in a cluster, or the empty text. */
  readonly slot: string;
  /** The newest mark of the slot that is known, or a new name for it. */
  readonly mark: string;
  readonly settlements: readonly SettleRequest[];
  readonly reservation: ReserveRequest | undefined;
}

export interface StepReply {
  /** The mark of the slot as it is now: it tells when the server has lost data. */
  readonly mark: string;
  readonly settlements: readonly SettleReply[];
  readonly reservation: ReserveReply | undefined;
}

/** Writes a step as the script reads it. Accounts and their limits are sent once, however often they are named. */
export function stepCall({ slot, mark, settlements, reservation }: StepRequest, settings: RequestSettings): ScriptCall {
  const accounts = new Map<string, { readonly facts: AccountFacts; readonly number: number }>();
  const refs = new Map<AccountRef, { readonly facts: AccountFacts; readonly account: number; readonly number: number }>();
  for (const { accounts: named } of reservation ? [...settlements, reservation] : settlements) {
    for (const ref of named) {
      if (refs.has(ref)) continue;
      const facts = factsOf(ref, settings);
      const account = accounts.get(facts.keys.state) ?? { facts, number: accounts.size + 1 };
      accounts.set(facts.keys.state, account);
      refs.set(ref, { facts, account: account.number, number: refs.size + 1 });
    }
  }
  const allFacts = [...accounts.values()].map(({ facts }) => facts);

  const call = beginCall(allFacts, settings, { keys: [settings.keys.mark(slot)], texts: [mark] });
  const { numbers } = call;
  numbers.push(settings.rememberMs, reservation ? 1 : 0, allFacts.length);
  for (const facts of allFacts) addAccount(call, facts, settings);
  numbers.push(refs.size);
  for (const [ref, { facts, account }] of refs) addRef(call, account, facts, ref);

  const addPlaces = (named: readonly AccountRef[]): void => {
    numbers.push(named.length);
    for (const ref of named) numbers.push(refs.get(ref)?.number ?? 0);
  };
  numbers.push(settlements.length);
  for (const { id, actual, accounts: named } of settlements) {
    addKey(call, settings.keys.record(homeOf(named), id));
    addText(call, settings.keys.holdName(id));
    addOptional(call, actual, addAmounts);
    addPlaces(named);
  }
  if (reservation) {
    addKey(call, settings.keys.record(homeOf(reservation.accounts), reservation.id));
    addText(call, settings.keys.holdName(reservation.id));
    numbers.push(reservation.ttlMs);
    addPlaces(reservation.accounts);
    numbers.push(reservation.asks.length);
    for (const ask of reservation.asks) addAsk(call, ask);
  }
  return call;
}

/** The tenant under whose keys a reservation is remembered: that of its accounts; only the scope `global` has none. */
export const homeOf = (accounts: readonly AccountRef[]): string => accounts.find(({ tenant }) => tenant !== '')?.tenant ?? '';

export function readStep(reader: ReplyReader, { settlements, reservation }: StepRequest): StepReply {
  return {
    mark: reader.text(),
    settlements: settlements.map(({ accounts }) => readSettlement(reader, accounts)),
    reservation: reservation && readReservation(reader, reservation.accounts),
  };
}

const statuses = ['settled', 'released', 'duplicate', 'late'] as const;

function readSettlement(reader: ReplyReader, accounts: readonly AccountRef[]): SettleReply {
  const status = statuses[reader.number()] ?? 'settled';
  const overage: Amounts = reader.flag() ? reader.amounts() : nothing;
  const alerts: ThresholdCrossing[] = [];
  for (let left = reader.number(); left > 0; left -= 1) {
    const { tenant, scope, id, alertAt } = placeOf(accounts, reader.number());
    const dimension = reader.dimension();
    const threshold = alertAt[reader.number() - 1] ?? 1;
    alerts.push({
      tenant,
      scope,
      id,
      dimension,
      threshold,
      settled: reader.number(),
      limit: reader.number(),
      resetsAt: readMoment(reader),
    });
  }
  return { status, overage, alerts };
}

function readReservation(reader: ReplyReader, accounts: readonly AccountRef[]): ReserveReply {
  if (!reader.flag()) {
    const place = reader.number();
    const { tenant, scope, id } = placeOf(accounts, place);
    const denial = {
      account: place - 1,
      dimension: reader.dimension(),
      limit: reader.number(),
      settled: reader.number(),
      held: reader.number(),
      asked: reader.number(),
      tenant,
      scope,
      id,
      resetsAt: readMoment(reader),
    };
    return { granted: false, denial };
  }
  const [ask, units, amounts, isReplay] = [reader.number(), reader.number(), reader.amounts(), reader.flag()];
  const snapshots = accounts.map((ref) => {
    const { tenant, scope, id, window } = ref;
    const limits = tightened(reader.flag() ? readLimits(reader) : ref.limits, ref);
    return { tenant, scope, id, window, limits, ...readSums(reader) };
  });
  return { granted: true, ask, units, amounts, accounts: snapshots, isReplay };
}

function placeOf(accounts: readonly AccountRef[], place: number): AccountRef {
  const ref = accounts[place - 1];
  if (!ref) throw new RangeError(`the server answered for account ${place} of ${accounts.length}`);
  return ref;
}
