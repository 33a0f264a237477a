import type { AccountRef, Amounts, ReserveReply, ReserveRequest, SettleReply, SettleRequest, ThresholdCrossing } from 'holdfast';
import { nothing, readMoment, readOutlook, readSums, replyReader, tightened, type AccountSums, type ReplyReader } from './reply.ts';
import {
  addAccounts,
  addAsk,
  addOptionalAmounts,
  addRef,
  factsOf,
  type AccountFacts,
  type RequestSettings,
  type ScriptCall,
} from './request.ts';

/** What one call of the step script does: any number of settlements and of reservations, after them. All in one slot. */
export interface StepRequest {
  /** The tenant of the slot in a cluster, or the empty text. */
  readonly slot: string;
  /** The newest mark of the slot that is known, or a new name for it. */
  readonly mark: string;
  readonly settlements: readonly SettleRequest[];
  readonly reservations: readonly ReserveRequest[];
}

export interface StepReply {
  /** The mark of the slot as it is now: it tells when the server has lost data. */
  readonly mark: string;
  readonly settlements: readonly SettleReply[];
  readonly reservations: readonly ReserveReply[];
}

/** The accounts of a step and the places that name them, each once however often it is named. */
export interface Named {
  readonly accounts: AccountFacts[];
  /** The number of a place, from 1. */
  readonly refs: Map<AccountRef, number>;
  /** For each place the number of its account, from 1. */
  readonly accountOf: number[];
}

export function namedIn({ settlements, reservations }: StepRequest, settings: RequestSettings): Named {
  const named: Named = { accounts: [], refs: new Map(), accountOf: [] };
  const numbers = new Map<string, number>();
  for (const list of [settlements, reservations]) {
    for (const { accounts } of list) {
      for (const ref of accounts) {
        if (named.refs.has(ref)) continue;
        const facts = factsOf(ref, settings);
        let number = numbers.get(facts.keys.state);
        if (number === undefined) numbers.set(facts.keys.state, (number = named.accounts.push(facts)));
        named.refs.set(ref, named.accountOf.push(number));
      }
    }
  }
  return named;
}

/** Writes a step as the script reads it (lua/step.lua). */
export function stepCall(step: StepRequest, { accounts, refs, accountOf }: Named, settings: RequestSettings, isWhole: boolean): ScriptCall {
  const { slot, mark, settlements, reservations } = step;
  const { keys } = settings;
  const names: Buffer[] = [];
  const [epoch = '', count = 0, losses = 0] = mark.split(':');
  const call: ScriptCall = {
    keys: [keys.mark(slot)],
    numbers: [
      settings.instead ?? -1,
      settings.rememberMs,
      settlements.length,
      reservations.length,
      accounts.length,
      accountOf.length,
      Number(count),
      Number(losses),
    ],
    texts: [epoch, ''],
  };
  const { numbers } = call;
  for (const { keys: own } of accounts) call.keys.push(own.state);
  for (const list of [settlements, reservations]) {
    for (const { id, accounts: named } of list) {
      call.keys.push(keys.record(homeOf(named), id));
      names.push(keys.holdName(id));
    }
  }
  call.texts[1] = names.length === 1 ? names[0]! : Buffer.concat(names);
  addAccounts(call, accounts, settings, isWhole ? undefined : needsAllIn(step));
  for (const [ref, number] of refs) addRef(call, accountOf[number - 1] ?? 0, factsOf(ref, settings));

  const addPlaces = (named: readonly AccountRef[]): void => {
    numbers.push(named.length);
    for (const ref of named) numbers.push(refs.get(ref) ?? 0);
  };
  for (const { actual, accounts: named } of settlements) {
    addOptionalAmounts(numbers, actual);
    addPlaces(named);
  }
  for (const { ttlMs, asks, accounts: named } of reservations) {
    numbers.push(ttlMs);
    addPlaces(named);
    numbers.push(asks.length);
    for (const ask of asks) addAsk(call, ask);
  }
  return call;
}

/**
 * Which accounts will need their further keys, as far as this process knows: those that it has not seen yet, that are to be
 * listed anew, or whose state has no room for a hold. Where it is wrong, it asks again.
 */
function needsAllIn({ settlements, reservations }: StepRequest): (account: AccountFacts) => boolean {
  let [usd, tokens] = [0, 0];
  for (const { actual } of settlements) {
    usd += actual?.usd ?? 0;
    tokens += actual?.tokens ?? 0;
  }
  return ({ outlook }) =>
    !outlook ||
    outlook.holds < reservations.length ||
    (outlook.isInTokens && usd > 0) ||
    (outlook.isInTokens ? tokens : usd) >= outlook.room;
}

/** The tenant under whose keys a reservation is remembered: that of its accounts; only the scope `global` has none. */
export const homeOf = (accounts: readonly AccountRef[]): string => accounts.find(({ tenant }) => tenant !== '')?.tenant ?? '';

export function readStep(reply: readonly unknown[], step: StepRequest, named: Named): StepReply {
  const [epoch, numbers, ...heads] = reply;
  const reader = replyReader(numbers);
  const mark = `${String(epoch)}:${reader.number()}:${reader.number()}`;
  const settlements = step.settlements.map(({ accounts }) => readSettlement(reader, accounts));
  const answers = step.reservations.map(({ accounts }) => readReservation(reader, accounts));
  const sums: AccountSums[] = [];
  for (let place = 0, count = reader.number(); place < count; place += 1) {
    sums.push(readSums(reader, heads[place]));
    named.accounts[place]!.outlook = readOutlook(heads[place]);
  }
  return { mark, settlements, reservations: withAccounts(answers, step, sums, named) };
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

type Grant = ReserveReply & { readonly granted: true };
type Answer = Omit<Grant, 'accounts'> | (ReserveReply & { readonly granted: false });

function readReservation(reader: ReplyReader, accounts: readonly AccountRef[]): Answer {
  if (reader.flag()) {
    const [ask, units, amounts, isReplay] = [reader.number(), reader.number(), reader.amounts(), reader.flag()];
    return { granted: true, ask, units, amounts, isReplay };
  }
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

/** Grants show their accounts as they stand after the whole step. */
function withAccounts(answers: Answer[], step: StepRequest, sums: readonly AccountSums[], { refs, accountOf }: Named): ReserveReply[] {
  if (sums.length === 0) return answers.filter((answer): answer is ReserveReply & { granted: false } => !answer.granted);
  return answers.map((answer, place) => {
    if (!answer.granted) return answer;
    const accounts = step.reservations[place]!.accounts.map((ref) => {
      const { tenant, scope, id, window } = ref;
      const { adjusted, settled, held, unconfirmed, overage, resetsAt } = sums[(accountOf[(refs.get(ref) ?? 0) - 1] ?? 0) - 1]!;
      const limits = tightened(adjusted ? { ...ref.limits, ...adjusted } : ref.limits, ref);
      return { tenant, scope, id, window, limits, settled, held, unconfirmed, overage, resetsAt };
    });
    return { ...answer, accounts };
  });
}

function placeOf(accounts: readonly AccountRef[], place: number): AccountRef {
  const ref = accounts[place - 1];
  if (!ref) throw new RangeError(`the server answered for account ${place} of ${accounts.length}`);
  return ref;
}
