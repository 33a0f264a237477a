import type { AccountRef, Ask, ReserveReply, ReserveRequest, SettleReply, SettleRequest } from 'holdfast';
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

export function slotSteps(queue: StepQueue, isCluster: boolean): SlotSteps {
  /** A run takes its steps in the same accounts. */
  const knownParts = new WeakMap<readonly AccountRef[], { readonly of: readonly AccountRef[]; readonly parts: Parts }>();

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
  async function reserveIn(parts: readonly Part[], request: ReserveRequest): Promise<{ reply: ReserveReply; id: string }> {
    let from = 0;
    for (let round = 0; ; round += 1) {
      const id = round === 0 ? request.id : `${request.id}\n${round}`;
      const granted: (ReserveReply & { granted: true })[] = [];
      let asks = request.asks.slice(from);
      let refused: ReserveReply & { granted: false } = { granted: false, denial: nobody };
      for (const part of parts) {
        const reply = await queue.reserve(part.slot, {
          ...request,
          id,
          accounts: part.accounts,
          asks: asks.map((ask) => ownGates(ask, part)),
        });
        if (!reply.granted) {
          refused = { granted: false, denial: { ...reply.denial, account: part.places[reply.denial.account] ?? 0 } };
          break;
        }
        granted.push(reply);
        const ask = asks[reply.ask];
        from += reply.ask;
        asks = ask ? [asGranted(ask, reply)] : [];
      }
      const last = granted.at(-1);
      if (granted.length === parts.length && last) return { reply: { ...last, ask: from, accounts: inOrder(parts, granted) }, id };
      await release(parts.slice(0, granted.length), id);
      from += 1;
      if (granted.length === 0 || from >= request.asks.length) return { reply: refused, id };
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
      const replies = await Promise.all(parts.map(({ slot, accounts }) => queue.settle(slot, { ...request, accounts })));
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
