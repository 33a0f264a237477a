import type { Lease } from './lease.ts';
import { grantIn, leasedPart, type LeasedStep } from './leased-records.ts';
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
    const current = step.isEnded ? [] : step.leases.filter((lease) => !lease.isOver);
    const isOld = step.expiresAt + REMEMBER_EXPIRED_MS <= clock();
    letGo(id, step, step.isEnded || isOld ? step.leases.filter((lease) => !current.includes(lease)) : []);
    if (current.length === 0) return;
    const hold = leasedPart(id, current);
    const own = step.there.length > 0 ? hold : { ...hold, id };
    const move = (): void => {
      step.there = [...step.there, own];
      letGo(id, step, current);
    };
    // Under the policy `charge` the room goes from the lease to the hold without a gap, or stays where it is.
    const isCharging = current.some(({ ref }) => ref.onExpire === 'charge');
    if (isCharging) {
      step.doubtful = own;
    } else {
      move();
      await Promise.all(current.map((lease) => lease.shrink()));
    }
    const { reply } = await steps.reserve({ id: own.id, accounts: own.accounts, asks: [{ base: step.reply.amounts }], ttlMs: 0 });
    step.doubtful = undefined;
    if (isCharging && reply.granted) move();
  }

  /** The step draws on these leases no more. Where it draws on none, the server knows what is left of it. */
  function letGo(id: string, step: LeasedStep, leases: readonly Lease[]): void {
    if (!step.isEnded) for (const lease of leases) lease.end(step.reply.amounts, undefined);
    step.leases = step.leases.filter((lease) => !leases.includes(lease));
    if (step.leases.length > 0) return;
    live.delete(id);
    past.set(id, { granted: grantIn(step.reply), parts: step.there });
  }

  return expire;
}
