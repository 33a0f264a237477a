import type { LiveReservation } from './live-reservations.ts';
import { addAccount, addKey, addText, beginCall, factsOf } from './request.ts';
import type { StoreServer } from './server.ts';
import { homeOf } from './step.ts';

/** Lets a live hold live `ttlMs` from now, in every slot in which it is. False when it is not live. */
export async function extendHold(server: StoreServer, { id, accounts }: LiveReservation, ttlMs: number): Promise<boolean> {
  const tenants = server.redis.isCluster ? [...new Set(accounts.map(({ tenant }) => tenant))] : [undefined];
  const extended = await Promise.all(
    tenants.map(async (only) => {
      const refs = accounts.filter(({ tenant }) => only === undefined || tenant === only);
      const reader = await server.run('extend', (settings) => {
        const facts = [...new Map(refs.map((ref) => factsOf(ref, settings)).map((each) => [each.keys.state, each])).values()];
        const call = beginCall(facts, settings);
        call.numbers.push(facts.length);
        for (const each of facts) addAccount(call, each, settings);
        addKey(call, settings.keys.record(homeOf(refs), id));
        addText(call, settings.keys.holdName(id));
        call.numbers.push(ttlMs);
        return call;
      });
      return reader.flag();
    }),
  );
  return extended.every(Boolean);
}
