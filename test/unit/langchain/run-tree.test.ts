import { createGuard, type Run } from 'holdfast';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runTreeOf } from '../../../integrations/langchain/run-tree.ts';

const HOUR_MS = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
});

/** A tree, and the roots whose runs it has ended. */
function planted() {
  vi.useFakeTimers();
  const tree = runTreeOf(createGuard());
  const ended: string[] = [];
  const enter = (id: string, parent?: string): void => {
    const run = { id, end: async () => void ended.push(id) } as unknown as Run;
    tree.enter(id, parent, () => ({ run, isOwn: true, thread: undefined }));
  };
  return { tree, ended, enter };
}

describe('a root of which nothing is heard any more', () => {
  it('is given up after an hour, however many that go on stand before it', () => {
    const { tree, ended, enter } = planted();
    for (let place = 0; place < 20; place += 1) enter(`busy ${place}`);
    enter('silent');
    vi.advanceTimersByTime(HOUR_MS + 1);
    for (let place = 0; place < 20; place += 1) enter(`part of ${place}`, `busy ${place}`);
    for (let place = 0; place < 4; place += 1) enter(`new ${place}`);
    expect(ended).toEqual(['silent']);
    expect(tree.runOf('silent')).toBeUndefined();
    expect(tree.runOf('busy 0')).toBeDefined();
  });

  it('is the first to go where there are too many', () => {
    const { ended, enter } = planted();
    enter('quiet');
    for (let place = 1; place < 8; place += 1) enter(`busy ${place}`);
    vi.advanceTimersByTime(1_000);
    for (let place = 1; place < 8; place += 1) enter(`part of ${place}`, `busy ${place}`);
    for (let place = 8; place < 10_000; place += 1) enter(`other ${place}`);
    expect(ended).toEqual([]);
    // A round of looks later the oldest come first again.
    for (let place = 0; place < 1_300; place += 1) enter(`late ${place}`);
    expect(ended).toContain('quiet');
    expect(ended).not.toContain('busy 1');
  });
});
