import type { ReserveReply, ReserveRequest, SettleReply, SettleRequest } from 'holdfast';
import type { StoreServer } from './server.ts';
import { lossWatch, recentSettlements, StoreDataLostError } from './data-loss.ts';
import { readStep, stepCall } from './step.ts';

/** Sends steps to the server. Settlements wait a little, to travel with the next reservation that goes to the same slot. */
export interface StepQueue {
  reserve(slot: string, request: ReserveRequest): Promise<ReserveReply>;
  settle(slot: string, request: SettleRequest): Promise<SettleReply>;
  /** Sends what waits. Resolves when all of it, and all that is under way, is answered. */
  flush(): Promise<void>;
}

interface Waiting {
  readonly request: SettleRequest;
  readonly resolve: (reply: SettleReply) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  readonly waiting: Waiting[];
  readonly timer: NodeJS.Timeout;
}

/** Nobody waits for the answer. */
const nobody = { resolve: () => {}, reject: () => {} };

/** So many settlements go in one script at most: it must not keep the server from others for long. */
const TOGETHER_MOST = 32;

export function stepQueue(server: StoreServer, settleWithinMs: number): StepQueue {
  const lanes = new Map<string, Lane>();
  const underWay = new Set<Promise<unknown>>();
  const losses = lossWatch();
  const recent = recentSettlements();

  function take(slot: string): Waiting[] {
    const lane = lanes.get(slot);
    if (!lane) return [];
    lanes.delete(slot);
    clearTimeout(lane.timer);
    return lane.waiting;
  }

  async function send(slot: string, settlements: readonly Waiting[], reservation?: ReserveRequest): Promise<ReserveReply | undefined> {
    const step = { slot, mark: losses.known(slot), settlements: settlements.map(({ request }) => request), reservation };
    try {
      const reply = readStep(await server.run('step', (settings) => stepCall(step, settings)), step);
      if (losses.note(slot, reply.mark) === 'tail') bookAgain(slot);
      for (const [index, { request, resolve }] of settlements.entries()) {
        recent.add(slot, request);
        resolve(reply.settlements[index]!);
      }
      return reply.reservation;
    } catch (error) {
      for (const { reject } of settlements) reject(error);
      throw error;
    }
  }

  /** What had been settled shortly before the server lost its last writes. By its id, what it has not lost is booked once. */
  function bookAgain(slot: string): void {
    const requests = recent.of(slot);
    for (let from = 0; from < requests.length; from += TOGETHER_MOST) {
      const some = requests.slice(from, from + TOGETHER_MOST).map((request) => ({ request, ...nobody }));
      track(send(slot, some)).catch(() => {});
    }
  }

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = (): void => void underWay.delete(work);
    work.then(done, done);
    return work;
  }

  /** The settlements themselves hear of a failure; nobody else waits for them. */
  const sendWaiting = (slot: string): void => {
    const waiting = take(slot);
    if (waiting.length > 0) track(send(slot, waiting)).catch(() => {});
  };

  return {
    async reserve(slot, request) {
      const reply = await track(send(slot, take(slot), request));
      if (!reply) throw new TypeError('the server did not answer a reservation');
      const lost = losses.takeLoss(slot);
      if (!lost) return reply;
      // The step is not done on the word of a server that has forgotten the others: what becomes of it is the user's policy.
      const { id, accounts } = request;
      await track(send(slot, [{ request: { id, accounts, actual: undefined }, ...nobody }]));
      throw new StoreDataLostError(lost);
    },
    settle(slot, request) {
      return new Promise((resolve, reject) => {
        const lane = lanes.get(slot) ?? { waiting: [], timer: setTimeout(sendWaiting, settleWithinMs, slot) };
        lanes.set(slot, lane);
        lane.waiting.push({ request, resolve, reject });
        if (settleWithinMs === 0 || lane.waiting.length >= TOGETHER_MOST) sendWaiting(slot);
      });
    },
    async flush() {
      for (const slot of lanes.keys()) sendWaiting(slot);
      await Promise.allSettled(underWay);
    },
  };
}
