import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiryQueue, type ExpiryQueue } from '../../../src/stores/expiry-queue.ts';

interface Thing {
  readonly name: number;
  expiresAt: number;
  isWanted: boolean;
}

const thing = (name: number, expiresAt: number): Thing => ({ name, expiresAt, isWanted: true });
const queueOf = (things: readonly Thing[]): ExpiryQueue<Thing> => {
  const queue = expiryQueue<Thing>(({ isWanted }) => isWanted);
  for (const each of things) queue.add(each);
  return queue;
};
const takeAll = (queue: ExpiryQueue<Thing>, now: number): number[] => {
  const taken: number[] = [];
  for (let due = queue.takeDue(now); due; due = queue.takeDue(now)) taken.push(due.name);
  return taken;
};

describe('an expiry queue', () => {
  it('gives what is due, the oldest first, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 300 }), fc.nat(60), (moments, now) => {
        const queue = queueOf(moments.map((at, name) => thing(name, at)));
        const taken = takeAll(queue, now).map((name) => moments[name]);
        expect(taken).toEqual(moments.filter((at) => at <= now).sort((a, b) => a - b));
        expect(queue.size).toBe(moments.length - taken.length);
      }),
    );
  });

  it('waits for a thing whose expiry was moved later', () => {
    const moved = thing(1, 10);
    const queue = queueOf([moved, thing(2, 20)]);
    moved.expiresAt = 30;
    expect(takeAll(queue, 20)).toEqual([2]);
    expect(takeAll(queue, 29)).toEqual([]);
    expect(takeAll(queue, 30)).toEqual([1]);
  });

  it('gives nothing that is no longer wanted, and does not keep it for long', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(50), isWanted: fc.boolean() }), { minLength: 200, maxLength: 500 }), (plan) => {
        const things = plan.map(({ at }, name) => thing(name, at));
        const queue = queueOf(things);
        for (const [name, { isWanted }] of plan.entries()) {
          if (isWanted) continue;
          things[name]!.isWanted = false;
          queue.discard();
        }
        const wanted = things.filter(({ isWanted }) => isWanted);
        expect(queue.size).toBeLessThanOrEqual(Math.max(64, 2 * wanted.length) + 64);
        expect(takeAll(queue, 50).map((name) => plan[name]!.at)).toEqual(wanted.map(({ expiresAt }) => expiresAt).sort((a, b) => a - b));
      }),
    );
  });
});
