import type { AccountRef, Amounts, ReserveRequest } from 'holdfast';
import { ownGates, type Answered } from './across-slots.ts';
import type { Lease } from './lease.ts';
import { firstOpen, grantOf, wholeOf, type Granted } from './leased-grants.ts';
import { elsewhere, grantIn, isThere, leasedPart, type Past } from './leased-records.ts';
import type { LeasedState } from './leased-state.ts';

/** Reserves by leases where they have room, and at the server where not. */
export function leasedReserve({ steps, book, live, past, turns, clock }: LeasedState): (request: ReserveRequest) => Promise<Answered> {
  function reserve(request: ReserveRequest): Promise<Answered> {
    const { id, accounts, asks } = request;
    if (accounts.length > 0 && !live.has(id) && !turns.isBusy(id) && !past.get(id)) {
      const by = book.leasesFor(accounts);
      const chosen = firstOpen(asks, by);
      const ask = asks[chosen];
      if (ask && !asks.some(({ isClosing }) => isClosing)) {
        const amounts = wholeOf(ask);
        if (by.every((lease) => lease?.hasRoomFor(amounts))) return Promise.resolve(drawAll(request, chosen, amounts, by as Lease[]));
      }
    }
    return turns.take(id, () => reserveNow(request));
  }

  const leasesOf = (accounts: readonly AccountRef[]): Lease[] =>
    [...new Set(book.leasesFor(accounts))].filter((lease) => lease !== undefined);

  /** The whole step draws on leases: nobody is asked. */
  function drawAll({ id, accounts, asks, ttlMs }: ReserveRequest, ask: number, amounts: Amounts, by: readonly Lease[]): Answered {
    const drawn = by.every((lease, place) => by.indexOf(lease) === place) ? by : [...new Set(by)];
    for (const lease of drawn) lease.open(amounts);
    const reply = grantOf({ ask, units: asks[ask]?.unitsWanted ?? 0, amounts }, accounts, by, false);
    live.set(id, { leases: drawn, reply, there: [], expiresAt: clock() + ttlMs, isEnded: false });
    return { reply, id, isHere: true };
  }

  async function reserveNow(request: ReserveRequest): Promise<Answered> {
    const { id, accounts, asks } = request;
    const before = live.get(id);
    if (before) return { reply: { ...before.reply, isReplay: true }, id };
    const known = past.get(id);
    if (known) return reserveAgain(request, known);

    book.retireOverdue();
    const by = book.leasesFor(accounts);
    const all = leasesOf(accounts);
    // A closing step may use what is kept back, and what a lease holds is never of that.
    const chosen = asks.some(({ isClosing }) => isClosing) ? -1 : firstOpen(asks, by);
    const ask = asks[chosen];
    if (!ask || all.length === 0) return reserveThere(request, all);
    const amounts = wholeOf(ask);
    await Promise.all(all.filter((lease) => !lease.hasRoomFor(amounts)).map((lease) => lease.renew(amounts)));
    const drawn = all.filter((lease) => lease.hasRoomFor(amounts));
    // What was learnt of an account meanwhile can have shut a gate.
    if (drawn.length === 0 || firstOpen(asks, by) !== chosen) return reserveThere(request, all);
    if (by.every((lease) => lease && drawn.includes(lease))) return drawAll(request, chosen, amounts, by as Lease[]);
    return (await drawSome(request, chosen, amounts, by, all)) ?? reserveThere(request, all, elsewhere(id));
  }

  /** Some accounts by leases, the others at the server. Undefined where what the server granted needs more of the leases. */
  async function drawSome(
    request: ReserveRequest,
    chosen: number,
    amounts: Amounts,
    by: readonly (Lease | undefined)[],
    all: readonly Lease[],
  ): Promise<Answered | undefined> {
    const { id, accounts, asks, ttlMs } = request;
    const drawn = all.filter((lease) => lease.hasRoomFor(amounts));
    const places = [...accounts.keys()].filter((place) => !drawn.includes(by[place]!));
    const part = { slot: '', accounts: places.map((place) => accounts[place]!), places };
    for (const lease of drawn) lease.open(amounts);
    let granted: Granted | undefined;
    try {
      await Promise.all(all.filter((lease) => !drawn.includes(lease)).map((lease) => lease.shrink()));
      past.set(id, { parts: [{ id, accounts: part.accounts }, leasedPart(id, drawn)], isUnsure: true });
      const there = await steps.reserve({
        ...request,
        accounts: part.accounts,
        asks: asks.slice(chosen).map((each) => ownGates(each, part)),
      });
      past.delete(id);
      if (!there.reply.granted) {
        const { denial } = there.reply;
        return { reply: { granted: false, denial: { ...denial, account: places[denial.account] ?? 0 } }, id };
      }
      const held = { id: there.id, accounts: part.accounts };
      if (!drawn.every((lease) => lease.covers(amounts, (there.reply as Granted).amounts))) {
        past.set(id, { parts: [held], isUnsure: true });
        await steps.settle({ ...held, actual: undefined });
        return undefined;
      }
      granted = there.reply;
      for (const lease of drawn) lease.resize(amounts, granted.amounts);
      const mine = grantOf({ ...granted, ask: chosen + granted.ask }, accounts, by, false);
      const shown = accounts.map((_, place) =>
        places.includes(place) ? granted!.accounts[places.indexOf(place)]! : mine.accounts[place]!,
      );
      const reply = { ...mine, accounts: shown };
      live.set(id, { leases: drawn, reply, there: [held], expiresAt: clock() + ttlMs, isEnded: false });
      return { reply, id };
    } finally {
      if (!granted) for (const lease of drawn) lease.end(amounts, undefined);
    }
  }

  /** All accounts at the server: what the leases of this process have left over is given back before it. */
  async function reserveThere(request: ReserveRequest, by: readonly Lease[], as = request.id): Promise<Answered> {
    const { id, accounts } = request;
    await Promise.all(by.map((lease) => lease.shrink()));
    past.set(id, as === id ? isThere : { parts: [{ id: as, accounts }] });
    const answer = await steps.reserve({ ...request, id: as });
    if (answer.reply.granted && answer.id !== id) past.set(id, { granted: grantIn(answer.reply), parts: [{ id: answer.id, accounts }] });
    // An id that was given back at the server is used up there: whoever asks again does so under the other one.
    if (!answer.reply.granted && as === id) past.delete(id);
    return answer;
  }

  /** Of an id that is known the first answer is given again. */
  async function reserveAgain(request: ReserveRequest, { granted, parts = [], isUnsure }: Past): Promise<Answered> {
    const { id, accounts } = request;
    if (granted) return { reply: grantOf(granted, accounts, book.leasesFor(accounts), true), id };
    if (isUnsure) {
      await Promise.all(parts.map((part) => steps.settle({ ...part, actual: undefined })));
      return reserveThere(request, leasesOf(accounts), elsewhere(id));
    }
    const [there] = parts;
    if (there) await Promise.all(leasesOf(accounts).map((lease) => lease.shrink()));
    return steps.reserve({ ...request, id: there?.id ?? id });
  }

  return reserve;
}
