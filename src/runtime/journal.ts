import { GuardError } from '../core/errors.ts';
import type { SettleReply, SettleRequest } from '../stores/store.ts';
import type { Clock } from './clock.ts';
import { detach } from './time-limit.ts';

/**
 * Settlements that no store has, and none will get: the journal was full, or the guard was closed while the store was away.
 * `code` is `settlements_lost`. The audit log has what they were.
 */
export class SettlementsLostError extends GuardError {
  readonly count: number;

  constructor(count: number, why: string) {
    super('settlements_lost', `${count} settlement${count === 1 ? '' : 's'} could not be kept for the store: ${why}`);
    this.count = count;
  }
}

/** Settlements that the store did not take, in memory, until it is back. By their ids they are booked once, however often they are sent. */
export interface Journal {
  readonly size: number;
  /** Keeps a settlement. Resolves when the store has it; with undefined when it never will. */
  add(request: SettleRequest): Promise<SettleReply | undefined>;
  /** The store has answered something: what waits is sent. */
  wake(): void;
  /** Sends what waits once more, and gives up what the store does not take. */
  close(): Promise<void>;
}

export interface JournalParts {
  readonly clock: Clock;
  /** Hands one settlement to the store; `isAwaited`: somebody waits for it, and the process stays alive for the answer. */
  readonly settle: (request: SettleRequest, isAwaited: boolean) => Promise<SettleReply>;
  readonly onError: (operation: 'replay' | 'journal', error: unknown) => void;
  /** All is booked that had waited. */
  readonly onRecovered: (settlements: number) => void;
  /** How many settlements are kept. Default 100,000: about 20 MB. */
  readonly most?: number;
}

interface Entry {
  readonly request: SettleRequest;
  readonly resolve: (reply: SettleReply | undefined) => void;
}

const MOST = 100_000;
/** Sent at once when the store is back; one that may still be away is asked for one. */
const TOGETHER = 32;
/** The store is tried after so long, and then after twice as long each time. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [1_000, 30_000];

export function createJournal({ clock, settle, onError, onRecovered, most = MOST }: JournalParts): Journal {
  const entries = new Map<string, Entry>();
  let pauseMs = FIRST_PAUSE_MS;
  let timer: unknown;
  let sending: Promise<void> | undefined;
  let booked = 0;

  /** Settlements that give a hold back may be missed, for it expires: they take no room from those that book something. */
  const hasRoom = ({ actual }: SettleRequest): boolean => entries.size < (actual ? most : most / 2);

  async function sendAll(isAwaited: boolean): Promise<void> {
    for (let width = 1; entries.size > 0; width = TOGETHER) {
      const some = [...take(width)];
      const outcomes = await Promise.allSettled(some.map(({ request }) => settle(request, isAwaited)));
      let failures = 0;
      for (const [at, outcome] of outcomes.entries()) {
        const entry = some[at];
        if (!entry) continue;
        const { id } = entry.request;
        entries.delete(id);
        if (outcome.status === 'fulfilled') {
          booked += 1;
          entry.resolve(outcome.value);
          continue;
        }
        // To the end: one that is refused for what it is does not stand in the way of the others.
        entries.set(id, entry);
        failures += 1;
        if (failures === some.length) return onError('replay', outcome.reason);
      }
    }
    if (booked > 0) onRecovered(booked);
    booked = 0;
    pauseMs = FIRST_PAUSE_MS;
    return undefined;
  }

  function* take(count: number): Generator<Entry> {
    for (const entry of entries.values()) {
      if (count <= 0) return;
      count -= 1;
      yield entry;
    }
  }

  function send(isAwaited = false): Promise<void> {
    stopWaiting();
    sending ??= sendAll(isAwaited).finally(() => {
      sending = undefined;
      if (entries.size > 0) wait();
    });
    return sending;
  }

  function wait(): void {
    timer ??= clock.setTimeout(() => {
      timer = undefined;
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      detach(send());
    }, pauseMs);
  }

  function stopWaiting(): void {
    if (timer !== undefined) clock.clearTimeout(timer);
    timer = undefined;
  }

  return {
    get size() {
      return entries.size;
    },
    add(request) {
      if (!hasRoom(request)) {
        if (request.actual) onError('journal', new SettlementsLostError(1, `${most} others wait already`));
        return Promise.resolve(undefined);
      }
      if (!sending) wait();
      return new Promise((resolve) => entries.set(request.id, { request, resolve }));
    },
    wake() {
      if (entries.size > 0 && !sending) detach(send());
    },
    async close() {
      await sending;
      if (entries.size > 0) await send(true);
      stopWaiting();
      const lost = [...entries.values()];
      entries.clear();
      for (const { resolve } of lost) resolve(undefined);
      const count = lost.filter(({ request }) => request.actual).length;
      if (count > 0) onError('journal', new SettlementsLostError(count, 'the guard was closed while the store was away'));
    },
  };
}
