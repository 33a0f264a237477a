/** One of a crowd knows its place in it. */
export interface Member {
  place: number;
}

/**
 * Things that come and go many times a second, in no order. In place of a `Set`: where much is added and deleted, a set moves to
 * a new table again and again, each old table knows the next one, and once one of them has grown old, the collector that looks at
 * young objects alone keeps all that follow, with whatever was in them at the moment (`holdfast proxy` under `--trace-gc`: 28 kB
 * of each call grew old, with crowds 9). For doors that keep what is in flight. A member is in one crowd at a time.
 *
 * @example
 * const calls = new Crowd<Member & { stop(): void }>();
 * for (const call of calls.all()) call.stop();
 */
export class Crowd<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** The last one takes the place of the one that goes. */
  delete(member: T): void {
    const { place } = member;
    if (this.#members[place] !== member) return;
    const last = this.#members.pop() as T;
    member.place = -1;
    if (last === member) return;
    this.#members[place] = last;
    last.place = place;
  }

  /** Who is there now: they may go while one looks at them. */
  all(): readonly T[] {
    return [...this.#members];
  }
}
