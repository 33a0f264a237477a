import type { AccountRef, Ask, ReserveReply, ReserveRequest, SettleReply, SettleRequest } from 'holdfast';
import { recentEntries } from './recent-entries.ts';
import type { StepQueue } from './step-queue.ts';

/**
 * Steps over accounts that are not all in one slot of a cluster: in practice a tenant's, and the scope `global`. They are
 * reserved one slot after the other, and given back when a later one refuses: between the two a hold can be in the way of
 * others for the length of a message, but never more is granted than there is.
 */
export interface SlotSteps {
  /** Grants under the id, or under another one that is told: an id that was given back in one slot is used up there. */
  reserve(request: ReserveRequest): Promise<Answered>;
  settle(request: SettleRequest): Promise<SettleReply>;
}

export interface Answered {
  readonly reply: ReserveReply;
  readonly id: string;
  /** This process holds it, and nobody else. */
  readonly isHere?: boolean;
}

interface Part {
  readonly slot: string;
  readonly accounts: readonly AccountRef[];
  /** The place of each account in the whole list, where that is split. */
  readonly places: readonly number[];
}
type Parts = readonly [Part, ...Part[]];

/** An id that was given back in one slot, because another one refused, is used up there: it is asked for anew under a name of its own. */
interface Round {
  readonly round: number;
  /** The first of the asks that are tried in it. */
  readonly from: number;
}

const firstRound: Round = { round: 0, from: 0 };
const idIn = (id: string, round: number): string => (round === 0 ? id : `${id}\n${round}`);

/** So many ids are remembered that were used up. */
const REMEMBERED = 20_000;

export function slotSteps(queue: StepQueue, isCluster: boolean): SlotSteps {
  /** A run takes its steps in the same accounts. */
  const knownParts = new WeakMap<readonly AccountRef[], { readonly of: readonly AccountRef[]; readonly parts: Parts }>();

  /** The round in which an id was granted, or is asked for next, where it is not the first. */
  const rounds = recentEntries<Round>(REMEMBERED);

  /** Accounts by slot, `global` last: the tenant's own are likelier to refuse. */
  function partsOf(accounts: readonly AccountRef[]): Parts {
    if (!isCluster) return [{ slot: '', accounts, places: [] }];
    const known = knownParts.get(accounts);
    if (known?.of.length === accounts.length && known.of.every((ref, place) => ref === accounts[place])) return known.parts;
    const split = splitBySlot(accounts);
    knownParts.set(accounts, { of: [...accounts], parts: split });
    return split;
  }

  function splitBySlot(accounts: readonly AccountRef[]): Parts {
    const parts = new Map<string, { readonly slot: string; readonly accounts: AccountRef[]; readonly places: number[] }>();
    for (const [place, account] of accounts.entries()) {
      const part = parts.get(account.tenant) ?? { slot: account.tenant, accounts: [], places: [] };
      parts.set(account.tenant, part);
      part.accounts.push(account);
      part.places.push(place);
    }
    const [first, ...others] = [...parts.values()].sort((a, b) => Number(a.slot === '') - Number(b.slot === ''));
    return first ? [first, ...others] : [{ slot: '', accounts: [], places: [] }];
  }

  const release = (parts: readonly Part[], id: string): Promise<unknown> =>
    Promise.all(parts.map(({ slot, accounts }) => queue.settle(slot, { id, actual: undefined, accounts })));

  /** One ask after the other, from slot to slot. Each slot is asked for what the ones before it granted. */
  async function reserveIn(parts: readonly Part[], request: ReserveRequest): Promise<Answered> {
    for (;;) {
      const { round, from } = rounds.get(request.id) ?? firstRound;
      const id = idIn(request.id, round);
      const granted: (ReserveReply & { granted: true })[] = [];
      let [asks, ask] = [request.asks.slice(from), from];
      let refused: ReserveReply & { granted: false } = { granted: false, denial: nobody };
      for (const part of parts) {
        const reply = await queue.reserve(part.slot, {
          ...request,
          id,
          accounts: part.accounts,
          asks: asks.map((each) => ownGates(each, part)),
        });
        if (!reply.granted) {
          refused = { granted: false, denial: { ...reply.denial, account: part.places[reply.denial.account] ?? 0 } };
          break;
        }
        granted.push(reply);
        const chosen = asks[reply.ask];
        ask += reply.ask;
        asks = chosen ? [asGranted(chosen, reply)] : [];
      }
      const last = granted.at(-1);
      if (granted.length === parts.length && last) return { reply: { ...last, ask, accounts: inOrder(parts, granted) }, id };
      const isLast = granted.length === 0 || ask + 1 >= request.asks.length;
      const next = { round: granted.length === 0 ? round : round + 1, from: isLast ? 0 : ask + 1 };
      if (next.round > 0) rounds.set(request.id, next);
      await release(parts.slice(0, granted.length), id);
      if (isLast) return { reply: refused, id };
    }
  }

  return {
    async reserve(request) {
      const parts = partsOf(request.accounts);
      if (parts.length > 1) return reserveIn(parts, request);
      return { reply: await queue.reserve(parts[0].slot, request), id: request.id };
    },
    async settle(request) {
      const parts = partsOf(request.accounts);
      if (parts.length === 1) return queue.settle(parts[0].slot, request);
      const id = idIn(request.id, rounds.get(request.id)?.round ?? 0);
      const replies = await Promise.all(parts.map(({ slot, accounts }) => queue.settle(slot, { ...request, id, accounts })));
      // The last slot held the least, and what it held is what was granted.
      return { ...replies.at(-1)!, alerts: replies.flatMap(({ alerts }) => alerts) };
    },
  };
}

/** Gates look at accounts by their place in the list of the part. */
export const ownGates = (ask: Ask, { places }: { readonly places: readonly number[] }): Ask => ({
  ...ask,
  gates: (ask.gates ?? []).flatMap((gate) => (places.includes(gate.account) ? [{ ...gate, account: places.indexOf(gate.account) }] : [])),
});

/** The ask that was granted, with no more units than were granted, and what yielded as it did. */
function asGranted(ask: Ask, { units, amounts }: ReserveReply & { granted: true }): Ask {
  const base = { ...ask.base };
  for (const dimension of ask.yielding ?? []) base[dimension] = amounts[dimension];
  return { ...ask, base, unitsWanted: units };
}

function inOrder(
  parts: readonly Part[],
  granted: readonly (ReserveReply & { granted: true })[],
): (ReserveReply & { granted: true })['accounts'] {
  const placed = parts.flatMap(({ places }, index) => places.map((place, at) => ({ place, account: granted[index]!.accounts[at]! })));
  return placed.sort((a, b) => a.place - b.place).map(({ account }) => account);
}

const nobody = {
  account: 0,
  tenant: '',
  scope: '',
  id: '',
  dimension: 'usd',
  limit: 0,
  settled: 0,
  held: 0,
  asked: 0,
  resetsAt: null,
} as const;
