import type { LiveReservation } from './live-reservations.ts';
import { addAccounts, factsOf, type ScriptCall } from './request.ts';
import type { StoreServer } from './server.ts';
import { homeOf } from './step.ts';

/** Lets a live hold live `ttlMs` from now, in every slot in which it is. False when it is not live. */
export async function extendHold(server: StoreServer, { id, accounts }: LiveReservation, ttlMs: number): Promise<boolean> {
  const tenants = server.redis.isCluster ? [...new Set(accounts.map(({ tenant }) => tenant))] : [undefined];
  const extended = await Promise.all(
    tenants.map(async (only) => {
      const refs = accounts.filter(({ tenant }) => only === undefined || tenant === only);
      const [isExtended] = await server.run('extend', (settings) => {
        const facts = [...new Map(refs.map((ref) => factsOf(ref, settings)).map((each) => [each.keys.state, each])).values()];
        const call: ScriptCall = {
          keys: [settings.keys.record(homeOf(refs), id), ...facts.map(({ keys }) => keys.state)],
          numbers: [settings.instead ?? -1, facts.length, ttlMs],
          texts: [settings.keys.holdName(id)],
        };
        addAccounts(call, facts, settings);
        return call;
      });
      return Number(isExtended) === 1;
    }),
  );
  return extended.every(Boolean);
}
