import { describe, expect, it, vi } from 'vitest';
import { createGuard, untilAborted } from '../../../src/index.ts';

describe('untilAborted', () => {
  it('gives what the work gives, also when that is a failure', async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(signal, Promise.resolve('done'))).resolves.toBe('done');
    const failure = new Error('no page');
    await expect(untilAborted(signal, Promise.reject(failure))).rejects.toBe(failure);
  });

  it('stops waiting with the reason of the abort, and ignores what the work does then', async () => {
    const controller = new AbortController();
    const reason = new Error('halted');
    let fail = (_error: Error): void => {};
    const waiting = untilAborted(controller.signal, new Promise((_, reject) => (fail = reject)));
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    fail(new Error('too late'));
    await expect(untilAborted(controller.signal, Promise.reject(new Error('never asked')))).rejects.toBe(reason);
  });

  it('puts one listener on a signal, however many wait for it, and all hear of the abort', async () => {
    const controller = new AbortController();
    const listen = vi.spyOn(controller.signal, 'addEventListener');
    const all = Array.from({ length: 50 }, () => untilAborted(controller.signal, new Promise(() => {})));
    expect(listen).toHaveBeenCalledTimes(1);
    controller.abort(new Error('halted'));
    const outcomes = await Promise.allSettled(all);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  });
});

describe('the mark of a door', () => {
  it('is seen inside the step that it was put around, and nowhere else', async () => {
    const guard = createGuard();
    await guard.run(async (run) => {
      const outer = await run.begin({ kind: 'tool', name: 'ask' });
      const inner = await run.begin({ kind: 'tool', name: 'look' });
      const mark = { of: 'a door' };
      outer.within(() => {
        expect(guard.current()?.mark).toBe(mark);
        inner.within(() => expect(guard.current()?.mark).toBeUndefined());
      }, mark);
      expect(guard.current()?.mark).toBeUndefined();
      await inner.end();
      await outer.end();
    });
    await guard.close();
  });
});
