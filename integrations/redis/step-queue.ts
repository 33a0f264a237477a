import type { ReserveReply, ReserveRequest, SettleReply, SettleRequest } from 'holdfast';
import type { StoreServer } from './server.ts';
import { lossWatch, recentSettlements, StoreDataLostError } from './data-loss.ts';
import { readStep, stepCall } from './step.ts';
import { planFor } from './step-plan.ts';

/**
 * Sends steps to the server. Settlements wait a little, to travel with the next reservation that goes to the same slot. While
 * messages to a slot are under way, what else is wanted there gathers and goes with one further message.
 */
export interface StepQueue {
  reserve(slot: string, request: ReserveRequest): Promise<ReserveReply>;
  settle(slot: string, request: SettleRequest): Promise<SettleReply>;
  /** Settles and reserves with one message, at once. */
  exchange(
    slot: string,
    settlement: SettleRequest | undefined,
    reservation: ReserveRequest | undefined,
  ): Promise<readonly [SettleReply | undefined, ReserveReply | undefined]>;
  /** Sends what waits. Resolves when all of it, and all that is under way, is answered. */
  flush(): Promise<void>;
}

interface Waiting<Request, Reply> {
  readonly request: Request;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}
type WaitingSettlement = Waiting<SettleRequest, SettleReply>;
type WaitingReservation = Waiting<ReserveRequest, ReserveReply>;

interface Lane {
  readonly slot: string;
  settlements: WaitingSettlement[];
  reservations: WaitingReservation[];
  /** Until when settlements wait. */
  timer: NodeJS.Timeout | undefined;
  underWay: number;
  /** Whether what gathers is sent at the end of this turn of the event loop. */
  isGathering: boolean;
  /** Whether many want to go at once: then the first of them waits for the others. */
  isBusy: boolean;
}

/** Nobody waits for the answer. */
const nobody = { resolve: () => {}, reject: () => {} };

/** So many of each go in one script at most: it must not keep the server from others for long. */
const TOGETHER_MOST = 32;

/** So many messages to a slot are under way at once: while the server is busy with one, the next is written and the last one read. */
const UNDER_WAY_MOST = 2;

export function stepQueue(server: StoreServer, settleWithinMs: number): StepQueue {
  const lanes = new Map<string, Lane>();
  const underWay = new Set<Promise<unknown>>();
  const losses = lossWatch();
  const recent = recentSettlements();

  function laneOf(slot: string): Lane {
    let lane = lanes.get(slot);
    if (!lane) {
      lane = { slot, settlements: [], reservations: [], timer: undefined, underWay: 0, isGathering: false, isBusy: false };
      lanes.set(slot, lane);
    }
    return lane;
  }

  async function send(slot: string, settled: readonly WaitingSettlement[], reserved: readonly WaitingReservation[]): Promise<void> {
    const settlements = settled.map(({ request }) => request);
    const reservations = reserved.map(({ request }) => request);
    const step = { slot, mark: losses.known(slot), settlements, reservations };
    try {
      const plan = planFor(step, server.settings());
      const reply = readStep(await server.run('step', (settings, isWhole) => stepCall(step, plan, settings, isWhole)), step, plan);
      if (losses.note(slot, reply.mark) === 'tail') bookAgain(slot);
      for (const [index, { request, resolve }] of settled.entries()) {
        recent.add(slot, request);
        resolve(reply.settlements[index]!);
      }
      const lost = reserved.length > 0 ? losses.takeLoss(slot) : undefined;
      for (const [index, { request, resolve, reject }] of reserved.entries()) {
        if (lost && index === 0) refuse(slot, request, reject, lost);
        else resolve(reply.reservations[index]!);
      }
    } catch (error) {
      for (const { reject } of [...settled, ...reserved]) reject(error);
    }
  }

  /** The step is not done on the word of a server that has forgotten the others: what becomes of it is the user's policy. */
  function refuse(slot: string, { id, accounts }: ReserveRequest, reject: (error: unknown) => void, lost: 'all' | 'tail'): void {
    const release = { request: { id, accounts, actual: undefined }, resolve: () => reject(new StoreDataLostError(lost)), reject };
    track(send(slot, [release], []));
  }

  /** What had been settled shortly before the server lost its last writes. By its id, what it has not lost is booked once. */
  function bookAgain(slot: string): void {
    const requests = recent.of(slot);
    for (let from = 0; from < requests.length; from += TOGETHER_MOST) {
      const some = requests.slice(from, from + TOGETHER_MOST).map((request) => ({ request, ...nobody }));
      track(send(slot, some, []));
    }
  }

  /** Follows a message that is under way; it never fails, for those who wait are told by themselves. */
  function track(message: Promise<void>, done: () => void = () => {}): void {
    underWay.add(message);
    message.then(() => void underWay.delete(message)).then(done, done);
  }

  /** Sends what has gathered, as far as it goes. */
  function sendGathered(lane: Lane): void {
    lane.isGathering = false;
    while (lane.underWay < UNDER_WAY_MOST && lane.reservations.length > 0) sendOnce(lane);
  }

  function sendOnce(lane: Lane): void {
    const settled = lane.settlements.splice(0, TOGETHER_MOST);
    const reserved = lane.reservations.splice(0, TOGETHER_MOST);
    if (lane.settlements.length === 0) stopTimer(lane);
    lane.isBusy = reserved.length > 1;
    lane.underWay += 1;
    track(send(lane.slot, settled, reserved), () => {
      lane.underWay -= 1;
      if (lane.reservations.length > 0) gather(lane);
      else if (lane.underWay === 0 && lane.settlements.length === 0) lanes.delete(lane.slot);
    });
  }

  function gather(lane: Lane): void {
    if (lane.isGathering) return;
    lane.isGathering = true;
    setImmediate(sendGathered, lane);
  }

  function stopTimer(lane: Lane): void {
    clearTimeout(lane.timer);
    lane.timer = undefined;
  }

  function sendAll(lane: Lane): void {
    stopTimer(lane);
    while (lane.settlements.length > 0 || lane.reservations.length > 0) sendOnce(lane);
  }

  return {
    reserve(slot, request) {
      return new Promise((resolve, reject) => {
        const lane = laneOf(slot);
        lane.reservations.push({ request, resolve, reject });
        if (lane.underWay === 0 && !lane.isBusy && !lane.isGathering) sendGathered(lane);
        else if (lane.underWay < UNDER_WAY_MOST) gather(lane);
      });
    },
    settle(slot, request) {
      return new Promise((resolve, reject) => {
        const lane = laneOf(slot);
        lane.settlements.push({ request, resolve, reject });
        if (settleWithinMs === 0 || lane.settlements.length >= TOGETHER_MOST * UNDER_WAY_MOST) sendAll(lane);
        else lane.timer ??= setTimeout(sendAll, settleWithinMs, lane);
      });
    },
    async exchange(slot, settlement, reservation) {
      const settled: WaitingSettlement[] = [];
      const reserved: WaitingReservation[] = [];
      const answers = Promise.all([
        settlement && new Promise<SettleReply>((resolve, reject) => void settled.push({ request: settlement, resolve, reject })),
        reservation && new Promise<ReserveReply>((resolve, reject) => void reserved.push({ request: reservation, resolve, reject })),
      ]);
      track(send(slot, settled, reserved));
      return answers;
    },
    async flush() {
      for (const lane of lanes.values()) sendAll(lane);
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
