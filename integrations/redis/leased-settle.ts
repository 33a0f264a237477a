import { dimensions, type Amounts, type Dimension, type SettleReply, type SettleRequest } from 'holdfast';
import { grantIn, isThere, nothingGranted, type LeasedStep } from './leased-records.ts';
import type { LeasedState } from './leased-state.ts';
import type { LiveReservation } from './live-reservations.ts';
import { nothing } from './reply.ts';

type Ended = Pick<SettleReply, 'status' | 'overage'>;

/** Settles in the leases on which a step draws, and at the server what is held there. */
export function leasedSettle({ steps, book, live, past, turns, clock }: LeasedState): (request: SettleRequest) => Promise<SettleReply> {
  function settle(request: SettleRequest): Promise<SettleReply> {
    const { id, actual } = request;
    const step = turns.isBusy(id) ? undefined : live.get(id);
    if (!step) return turns.take(id, () => settleNow(request));
    if (step.there.length > 0 || step.doubtful) return settleNow(request);
    const isLate = step.expiresAt <= clock();
    const isCrossing = endInLeases(step, actual);
    const end = remember(id, step, actual, isLate);
    return isCrossing ? tellCrossing(step, end, []) : Promise.resolve({ ...end, alerts: book.takeAlerts() });
  }

  /** Says whether a threshold may be crossed. */
  function endInLeases(step: LeasedStep, actual: Amounts | undefined): boolean {
    if (step.isEnded) return false;
    step.isEnded = true;
    let isCrossing = false;
    for (const lease of step.leases) if (lease.end(step.reply.amounts, actual)) isCrossing = true;
    return isCrossing;
  }

  /** The step is over: says how it ended here. */
  function remember(id: string, step: LeasedStep, actual: Amounts | undefined, isLate: boolean): Ended {
    live.delete(id);
    const end = endOf(step.reply.amounts, actual, isLate);
    past.set(id, { granted: grantIn(step.reply), end });
    return end;
  }

  /** The server says who is the first to cross a threshold. Where it does not answer, it says so when it is told the next time. */
  async function tellCrossing(step: LeasedStep, end: Ended, alerts: SettleReply['alerts']): Promise<SettleReply> {
    await Promise.all(step.leases.map((lease) => lease.shrink())).catch(() => {});
    return { ...end, alerts: [...book.takeAlerts(), ...alerts] };
  }

  async function settleNow(request: SettleRequest): Promise<SettleReply> {
    const { id, actual } = request;
    const step = live.get(id);
    if (!step) return settlePast(request);
    const isLate = step.expiresAt <= clock();
    const isCrossing = endInLeases(step, actual);
    // A server that does not answer is told again by whoever settles: until then the step is known.
    const [there, ...others] = step.there.length > 0 ? await settleParts(step.there, actual) : [];
    if (step.doubtful) await steps.settle({ ...step.doubtful, actual: undefined });
    const end = remember(id, step, actual, isLate);
    const alerts = [there, ...others].flatMap((reply) => reply?.alerts ?? []);
    return isCrossing ? tellCrossing(step, there ?? end, alerts) : { ...(there ?? end), alerts: [...book.takeAlerts(), ...alerts] };
  }

  async function settlePast(request: SettleRequest): Promise<SettleReply> {
    const known = past.get(request.id);
    if (known?.end) return { ...known.end, status: 'duplicate', alerts: [] };
    const replies = await settleParts(known?.parts ?? [request], request.actual);
    const granted = known?.granted ?? nothingGranted;
    const { status, overage } = replies[0] ?? endOf(granted.amounts, request.actual, true);
    past.set(request.id, known?.parts ? { granted, end: { status, overage } } : isThere);
    return { status, overage, alerts: replies.flatMap((reply) => reply.alerts) };
  }

  const settleParts = (parts: readonly LiveReservation[], actual: Amounts | undefined): Promise<SettleReply[]> =>
    Promise.all(parts.map((part) => steps.settle({ ...part, actual })));

  return settle;
}

/** How a step ends here. */
function endOf(amounts: Amounts, actual: Amounts | undefined, isLate: boolean): Pick<SettleReply, 'status' | 'overage'> {
  if (!actual) return { status: 'released', overage: nothing };
  const isAbove = dimensions.some((dimension) => actual[dimension] > amounts[dimension]);
  const status = isLate ? 'late' : 'settled';
  if (!isAbove) return { status, overage: nothing };
  const overage: Record<Dimension, number> = { ...nothing };
  for (const dimension of dimensions) overage[dimension] = Math.max(0, actual[dimension] - amounts[dimension]);
  return { status, overage };
}
