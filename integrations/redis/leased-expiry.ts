import { leasedPart, type LeasedStep } from './leased-records.ts';
import type { LeasedState } from './leased-state.ts';

/** How long a step that expired is kept in the lease of a window that is over. */
const REMEMBER_EXPIRED_MS = 86_400_000;

/** Ends the time of steps that were neither ended nor extended. */
export function leasedExpiry({ steps, live, past, turns, clock }: LeasedState): () => Promise<void> {
  async function expire(): Promise<void> {
    const now = clock();
    const overdueSteps = [...live].filter(([, { expiresAt }]) => expiresAt <= now);
    await Promise.all(overdueSteps.map(([id, step]) => turns.take(id, () => expireStep(id, step))));
  }

  /**
   * What a step held in leases becomes a hold at the server that expires at once, by the policy of the account; a late
   * settlement finds it there. In a window that is over it stays where it is, and is settled there.
   */
  async function expireStep(id: string, step: LeasedStep): Promise<void> {
    if (live.get(id) !== step || step.expiresAt > clock()) return;
    const { amounts } = step.reply;
    const isOld = step.expiresAt + REMEMBER_EXPIRED_MS <= clock();
    const leaving = step.isEnded || isOld ? step.leases : step.leases.filter((lease) => !lease.isOver);
    const hold = leasedPart(id, leaving);
    const own = step.there.length > 0 ? hold : { ...hold, id };
    const isToBeHeld = leaving.length > 0 && !step.isEnded && !isOld;
    const letGo = (): void => {
      if (!step.isEnded) for (const lease of leaving) lease.end(amounts, undefined);
      step.leases = step.leases.filter((lease) => !leaving.includes(lease));
      if (isToBeHeld) step.there = [...step.there, own];
      if (step.leases.length > 0) return;
      live.delete(id);
      past.set(id, { granted: step.reply, parts: step.there });
    };
    // Under the policy `charge` the room goes from the lease to the hold without a gap, or stays where it is.
    const isCharging = leaving.some(({ ref }) => ref.onExpire === 'charge');
    if (!isCharging || !isToBeHeld) letGo();
    if (!isToBeHeld) return;
    if (isCharging) step.doubtful = own;
    else await Promise.all(leaving.map((lease) => lease.shrink()));
    const { reply } = await steps.reserve({ id: own.id, accounts: own.accounts, asks: [{ base: amounts }], ttlMs: 0 });
    step.doubtful = undefined;
    if (isCharging && reply.granted) letGo();
  }

  return expire;
}
