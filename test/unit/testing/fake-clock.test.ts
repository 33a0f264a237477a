import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../../src/testing/fake-clock.ts';

describe('a fake clock', () => {
  it('stands still until it is told', () => {
    const clock = fakeClock(1_000);
    expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
    clock.advance(5);
    expect(clock.now()).toBe(1_005);
    clock.set(10);
    expect(clock.now()).toBe(10);
  });

  it('fires timers in their order, each at its own moment, with those that they set', () => {
    const clock = fakeClock(0);
    const fired: string[] = [];
    const note = (name: string): void => void fired.push(`${name}@${clock.now()}`);
    clock.setTimeout(() => note('late'), 30);
    clock.setTimeout(() => {
      note('early');
      clock.setTimeout(() => note('from early'), 10);
    }, 10);
    const cancelled = clock.setTimeout(() => note('cancelled'), 15);
    clock.clearTimeout(cancelled);
    clock.setTimeout(() => note('beyond'), 51);
    clock.advance(50);
    expect(fired).toEqual(['early@10', 'from early@20', 'late@30']);
    expect([clock.now(), clock.waiting]).toEqual([50, 1]);
  });
});
