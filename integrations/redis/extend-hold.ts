import type { LiveReservation } from './live-reservations.ts';
import type { StoreServer } from './server.ts';
import { homeOf } from './step.ts';

/** Lets a live hold live `ttlMs` from now, in every slot in which it is. False when it is not live. */
export async function extendHold(server: StoreServer, { id, accounts }: LiveReservation, ttlMs: number): Promise<boolean> {
  const tenants = server.redis.isCluster ? [...new Set(accounts.map(({ tenant }) => tenant))] : [undefined];
  const extended = await Promise.all(
    tenants.map(async (only) => {
      const refs = accounts.filter(({ tenant }) => only === undefined || tenant === only);
      const [, isExtended] = await server.run('extend', ({ keys, instead = -1 }) => ({
        keys: [keys.record(homeOf(refs), id), keys.slot(only ?? '').holds],
        numbers: [instead, ttlMs],
      }));
      return Number(isExtended) === 1;
    }),
  );
  return extended.every(Boolean);
}
