import { createGuard } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { afterEach, beforeEach, expect } from 'vitest';
import { faultyStore } from './faulty-store.ts';
import { logEvents, prices, settleAll, toolCall } from './guards.ts';

/** Fails each test of a file that leaves a rejection unhandled. */
export function refuseUnhandledRejections(): void {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await settleAll();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
}

/** A guard whose store is a network away. */
export function setUp(options: object = {}) {
  const clock = fakeClock();
  const store = faultyStore(clock.now);
  const guard = createGuard({ clock, store, prices, maxOutputTokens: 100, ...options });
  const events = logEvents(guard);
  /** Waits for something while time passes quickly: time limits run out, pauses end. */
  const wait = async <T>(promise: Promise<T>): Promise<T> => {
    const progress = { isOver: false };
    const over = (): void => void (progress.isOver = true);
    promise.then(over, over);
    for (let turn = 0; turn < 500 && !progress.isOver; turn += 1) {
      await settleAll();
      if (!progress.isOver) clock.advance(250);
    }
    return promise;
  };
  const spend = (args: unknown = 1) => wait(guard.run((run) => run.step(toolCall({ args }), () => ({ output: 'ok' }))));
  return { clock, store, guard, events, wait, spend };
}
