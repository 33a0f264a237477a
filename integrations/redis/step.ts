import type { AccountRef, Amounts, ReserveReply, ReserveRequest, SettleReply, SettleRequest, ThresholdCrossing } from 'holdfast';
import type { ScriptReply } from './server.ts';
import { nothing, outlookOf, readMoment, replyReader, tightened, type ReplyReader, type ShownAccount } from './reply.ts';
import {
  addAmounts,
  addAsk,
  addOptionalAmounts,
  addOtherKeys,
  type AccountFacts,
  type RequestSettings,
  type ScriptCall,
} from './request.ts';
import { accountsOf, isSame, ordinaryStep, withCeilings, type StepPlan } from './step-plan.ts';

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

/** Writes a step as the script reads it (lua/step.lua). */
export function stepCall(step: StepRequest, plan: StepPlan, settings: RequestSettings, isWhole: boolean): ScriptCall {
  const { slot, mark, settlements, reservations } = step;
  const { accounts, places } = plan;
  const { mark: markKey, holds } = settings.keys.slot(slot);
  const [epoch = '', count = 0, losses = 0] = mark.split(':');
  const ordinary = plan.isOrdinary ? ordinaryStep(step, plan) : undefined;
  const numbers = [
    settings.instead ?? -1,
    settings.rememberMs,
    settlements.length,
    reservations.length,
    accounts.length,
    places.length,
    Number(count),
    Number(losses),
    settings.overdueAt,
  ];
  if (ordinary) numbers.push(1, reservations[0]!.ttlMs, ordinary.units);
  else numbers.push(0, 0, 0);
  addAmounts(numbers, ordinary?.amounts ?? nothing);

  const keys = [markKey, ...plan.states];
  for (const { id, accounts: named } of settlements) keys.push(settings.keys.record(homeOf(named), id));
  for (const { id, accounts: named } of reservations) keys.push(settings.keys.record(homeOf(named), id));
  keys.push(holds);
  const others = addOtherKeys(keys, accounts, isWhole ? () => true : needsOthersIn(step));

  const addPlaces = (named: readonly AccountRef[]): void => {
    if (isSame(named, plan.refs)) {
      numbers.push(-1);
      return;
    }
    numbers.push(named.length);
    for (const ref of named) numbers.push(plan.numbers.get(ref) ?? 0);
  };
  for (const { actual, accounts: named } of settlements) {
    addOptionalAmounts(numbers, actual);
    addPlaces(named);
  }
  for (const { ttlMs, asks, accounts: named } of reservations) {
    numbers.push(ttlMs);
    addPlaces(named);
    numbers.push(asks.length);
    for (const ask of asks) addAsk(numbers, ask);
  }
  const told = accountsOf(plan, settings);
  return { keys, numbers, accounts: ordinary ? withCeilings(told, ordinary.ceilings) : told, epoch, others, names: plan.names };
}

/**
 * Which accounts will need their other keys, as far as this process knows: those that it has not seen yet, or that are to be
 * listed anew. Where it is wrong, it asks again.
 */
function needsOthersIn({ settlements }: StepRequest): (account: AccountFacts) => boolean {
  let [usd, tokens] = [0, 0];
  for (const { actual } of settlements) {
    usd += actual?.usd ?? 0;
    tokens += actual?.tokens ?? 0;
  }
  return ({ outlook }) =>
    !outlook || (outlook.isInTokens && usd > 0) || (usd + tokens > 0 && (outlook.isInTokens ? tokens : usd) >= outlook.room);
}

/** The tenant under whose keys a reservation is remembered: that of its accounts; only the scope `global` has none. */
export const homeOf = (accounts: readonly AccountRef[]): string => accounts.find(({ tenant }) => tenant !== '')?.tenant ?? '';

export function readStep([bytes]: ScriptReply, step: StepRequest, plan: StepPlan): StepReply {
  const reader = replyReader(bytes);
  const [count, losses] = [reader.number(), reader.number()];
  const settlements = step.settlements.map(({ accounts }) => readSettlement(reader, accounts));
  const answers = step.reservations.map(({ accounts }) => readReservation(reader, accounts));
  const resets = Array.from({ length: reader.number() }, reader.number);
  const shown = resets.map((resetsAt, place) => {
    const account = reader.account(resetsAt);
    plan.accounts[place]!.outlook = outlookOf(account);
    return account;
  });
  return { mark: `${reader.text()}:${count}:${losses}`, settlements, reservations: withAccounts(answers, step, shown, plan) };
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
function withAccounts(answers: Answer[], step: StepRequest, shown: readonly ShownAccount[], { places, numbers }: StepPlan): ReserveReply[] {
  return answers.map((answer, index) => {
    if (!answer.granted) return answer;
    const accounts = step.reservations[index]!.accounts.map((ref) => {
      const { tenant, scope, id, window } = ref;
      const account = places[(numbers.get(ref) ?? 0) - 1]!.account;
      const { adjusted, settled, held, unconfirmed, overage, resetsAt } = shown[account - 1]!;
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
