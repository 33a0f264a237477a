import type { LiveReservation } from './live-reservations.ts';
import { scripts, runScript } from './scripts.ts';
import type { StoreServer } from './server.ts';
import { homeOf } from './step.ts';

/** Lets a live hold live `ttlMs` from now, in every slot in which it is. False when it is not live. */
export async function extendHold({ redis, settings }: StoreServer, { id, accounts }: LiveReservation, ttlMs: number): Promise<boolean> {
  const { keys, instead } = settings();
  const tenants = redis.isCluster ? [...new Set(accounts.map(({ tenant }) => tenant))] : [undefined];
  const extended = await Promise.all(
    tenants.map(async (only) => {
      const refs = accounts.filter(({ tenant }) => only === undefined || tenant === only);
      const own = refs.flatMap((ref) => {
        const { state, holds } = keys.account(ref, ref.window);
        return [state, holds];
      });
      const names = [keys.record(homeOf(refs), id), ...own];
      return (await runScript(redis, scripts.extend, names, [String(instead ?? -1), String(ttlMs), keys.holdName(id)])) === 1;
    }),
  );
  return extended.every(Boolean);
}
