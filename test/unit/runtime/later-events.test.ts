import { createGuard, type Guard, type Run } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { logEvents, settleAll, toolCall } from '../../support/guards.ts';
import { refuseUnhandledRejections } from '../../support/shared-store.ts';

refuseUnhandledRejections();

// No time passes but in the tests that say so.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const play = async (run: Run, steps: number): Promise<void> => {
  for (let step = 0; step < steps; step += 1) await run.step(toolCall(), () => ({ output: step }));
};
const told = ['run:start', 'step:start', 'step:end', 'run:end'] as const;

/** What a listener of later events has heard, as the events' names. */
function hearLater(guard: Guard): string[] {
  const heard: string[] = [];
  for (const event of told) guard.later.on(event, () => void heard.push(event));
  return heard;
}

describe('later events', () => {
  it('wait, and are handed over in their order, each with the time at which it happened', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock });
    const heard: [string, string, number][] = [];
    for (const event of told) guard.later.on(event, ({ run }, at) => void heard.push([event, run.id, at]));
    const at = clock.now();
    const run = guard.start({ id: 'one' });
    clock.advance(1_000);
    await play(run, 1);
    await run.end();
    expect(heard).toEqual([]);
    guard.later.flush();
    expect(heard).toEqual([
      ['run:start', 'one', at],
      ['step:start', 'one', at + 1_000],
      ['step:end', 'one', at + 1_000],
      ['run:end', 'one', at + 1_000],
    ]);
    guard.later.flush();
    expect(heard).toHaveLength(4);
  });

  it('come by themselves after a while', async () => {
    const guard = createGuard();
    const heard = hearLater(guard);
    await guard.run((run) => play(run, 1));
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(heard).toEqual([...told]);
    await guard.run((run) => play(run, 1));
    vi.advanceTimersByTime(100);
    expect(heard).toEqual([...told, ...told]);
  });

  it('do not gather beyond a bound, and none is lost', async () => {
    const guard = createGuard({ budgets: { run: { steps: 5_000 } }, loops: 'off' });
    const heard = hearLater(guard);
    let happened = 0;
    for (const event of told) guard.on(event, () => void (happened += 1));
    const run = guard.start();
    for (let step = 0; step < 1_000; step += 1) {
      await play(run, 1);
      expect(happened - heard.length).toBeLessThan(256);
    }
    expect(heard.length).toBeGreaterThan(1_500);
    guard.later.flush();
    expect(heard).toHaveLength(happened);
  });

  it('are all heard when the guard is closed', async () => {
    const guard = createGuard();
    const heard = hearLater(guard);
    await play(guard.start(), 1);
    await guard.close();
    expect(heard).toEqual([...told]);
  });

  it('are heard from the moment in which a listener comes to the moment in which it goes', async () => {
    const guard = createGuard();
    const run = guard.start();
    await play(run, 2);
    const heard: number[] = [];
    const stop = guard.later.on('step:end', ({ step }) => void heard.push(step.index));
    await play(run, 2);
    stop();
    expect(heard).toEqual([2, 3]);
    await play(run, 2);
    guard.later.flush();
    expect(heard).toEqual([2, 3]);
  });

  it('are heard no more by a listener that has gone in the middle of them', async () => {
    const guard = createGuard();
    const heard: number[] = [];
    const stop = guard.later.on('step:end', ({ step }) => {
      heard.push(step.index);
      stop();
    });
    await guard.run((run) => play(run, 3));
    guard.later.flush();
    expect(heard).toEqual([0]);
  });

  it.each([
    [
      'throws',
      (): void => {
        throw new Error('mine');
      },
    ],
    ['rejects', (): Promise<void> => Promise.reject(new Error('mine'))],
  ])('reach the others when a listener %s, and tell of it', async (_, failure) => {
    const guard = createGuard();
    const events = logEvents(guard);
    for (const event of told) guard.later.on(event, failure);
    guard.later.on('hook:error', failure);
    const heard = hearLater(guard);
    const hooks: string[] = [];
    guard.later.on('hook:error', ({ hook }) => void hooks.push(hook));
    await guard.run((run) => play(run, 1));
    guard.later.flush();
    await settleAll();
    guard.later.flush();
    expect(heard).toEqual([...told]);
    expect(hooks).toEqual(told.map((event) => `listener of ${event}`));
    expect(events.of('hook:error').map(({ hook }) => hook)).toEqual(hooks);
  });

  it('are handed over outside of any run', async () => {
    const guard = createGuard();
    const around: unknown[] = [];
    guard.later.on('step:end', () => void around.push(guard.current()));
    await guard.run(async (run) => {
      await play(run, 200);
      guard.later.flush();
    });
    await guard.run((run) => play(run, 1));
    vi.advanceTimersByTime(100);
    expect(around).toHaveLength(201);
    expect(around.every((each) => each === undefined)).toBe(true);
  });

  it('keep no process alive while they wait', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    vi.useRealTimers();
    const guard = createGuard();
    hearLater(guard);
    const before = timers();
    const run = guard.start();
    expect(timers()).toBe(before);
    await run.end();
    await guard.close();
  });
});
