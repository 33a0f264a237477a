import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crowd, type Member } from '../../../src/core/crowd.ts';

interface Named extends Member {
  readonly name: number;
}

describe('a crowd', () => {
  it('has just those who came and have not gone, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(20)), { size: 'max', maxLength: 400 }), (moves) => {
        const members = Array.from({ length: 21 }, (_, name): Named => ({ name, place: -1 }));
        const crowd = new Crowd<Named>();
        const model = new Set<Named>();
        for (const [comes, name] of moves) {
          const member = members[name]!;
          if (comes && !model.has(member)) {
            crowd.add(member);
            model.add(member);
          } else if (!comes) {
            crowd.delete(member);
            model.delete(member);
          }
          expect(crowd.size).toBe(model.size);
        }
        expect(new Set(crowd.all())).toEqual(model);
      }),
    );
  });

  it('can be left by all while one looks at them', () => {
    const crowd = new Crowd<Named>();
    for (let name = 0; name < 10; name += 1) crowd.add({ name, place: -1 });
    for (const member of crowd.all()) crowd.delete(member);
    expect(crowd.size).toBe(0);
  });

  it('takes nobody away for one who was never there', () => {
    const crowd = new Crowd<Named>();
    crowd.add({ name: 0, place: -1 });
    crowd.delete({ name: 1, place: 0 });
    crowd.delete({ name: 2, place: -1 });
    expect(crowd.all().map(({ name }) => name)).toEqual([0]);
  });
});
