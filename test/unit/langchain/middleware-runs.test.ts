import { createGuard } from 'holdfast';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { middlewareRuns } from '../../../integrations/langchain/middleware-runs.ts';

const MINUTE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** The runs of one middleware, and a hook of one invocation of its agent. */
function worked() {
  const runs = middlewareRuns(createGuard(), {});
  const runtime = { configurable: {}, writer: () => {} };
  const hook = () => {
    const run = runs.runOf(runtime, true);
    if (run instanceof Promise) throw new Error('nothing is resumed here');
    return run;
  };
  const pass = async (minutes: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(minutes * MINUTE_MS));
  return { runs, hook, pass };
}

describe("a middleware's own run", () => {
  it('is given up when nothing was heard of it for a quarter of an hour, and not while hooks come', async () => {
    const { runs, hook, pass } = worked();
    const run = hook();
    await runs.rest(run, 'more');
    for (let turn = 0; turn < 5; turn += 1) {
      await pass(14);
      expect(hook()).toBe(run);
      await runs.rest(run, 'more');
    }
    expect(run.isEnded).toBe(false);
    await pass(31);
    expect(run.isEnded).toBe(true);
    expect(hook()).not.toBe(run);
  });

  it('lives as long as a hook is at work, however long that takes', async () => {
    const { runs, hook, pass } = worked();
    const run = hook();
    await pass(120);
    expect(run.isEnded).toBe(false);
    await runs.rest(run, 'more');
    await pass(31);
    expect(run.isEnded).toBe(true);
  });

  it('ends a moment after the answer, unless the agent goes on', async () => {
    const { runs, hook, pass } = worked();
    const run = hook();
    await runs.rest(run, 'end');
    expect(hook()).toBe(run);
    await runs.rest(run, 'more');
    await pass(1);
    expect(run.isEnded).toBe(false);
    hook();
    await runs.rest(run, 'end');
    await pass(1);
    expect(run.isEnded).toBe(true);
  });
});
