import { expect, test } from 'vitest';
import { inSlices } from '../../../../src/meter/tokens/slices.ts';

/** Work for so many milliseconds of the clock. */
const busyFor = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until;);
};

test('work is done to its end, and the event loop turns in between', async () => {
  let turns = 0;
  let isTicking = true;
  const tick = (): void => {
    turns++;
    if (isTicking) setImmediate(tick);
  };
  setImmediate(tick);
  let steps = 0;
  await inSlices(() => {
    busyFor(1);
    return ++steps < 20;
  });
  isTicking = false;
  expect(steps).toBe(20);
  expect(turns).toBeGreaterThan(3);
});

test('an aborted signal ends it before its next slice, with the reason of the signal', async () => {
  const reason = new Error('run is over');
  const controller = new AbortController();
  let steps = 0;
  const work = inSlices(() => {
    if (++steps === 5) controller.abort(reason);
    busyFor(1);
    return true;
  }, controller.signal);
  await expect(work).rejects.toBe(reason);
  expect(steps).toBeLessThan(10);
});

test('a step that throws ends its own work and no other', async () => {
  let steps = 0;
  const broken = inSlices(() => {
    throw new RangeError('broken');
  });
  const whole = inSlices(() => ++steps < 1_000);
  await expect(broken).rejects.toThrow('broken');
  await whole;
  expect(steps).toBe(1_000);
});
