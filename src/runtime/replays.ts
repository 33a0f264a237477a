/**
 * Which steps a run has done before it was paused. A host that goes on from a checkpoint runs again what that checkpoint does
 * not know of: a call that comes again under the same key is the same step, and counts once.
 */
export interface Replays {
  /** A step of this key is over. */
  done(key: string): void;
  /** The run goes on after a pause: what was done so far may come again, each step once. */
  resumed(): void;
  /** Whether a step of this key was done before the pause. */
  take(key: string): boolean;
  save(): readonly string[];
}

/** What one checkpoint leaves open is one round of calls; older keys do not come again. */
const KEYS_MAX = 256;

export const createReplays = (restored: readonly string[] = []): Replays => new KnownSteps(restored);

/** A class with nothing in it at first: nearly no run is ever paused. */
class KnownSteps implements Replays {
  #done: Set<string> | undefined;
  #earlier: Set<string> | undefined;

  constructor(restored: readonly string[]) {
    if (restored.length === 0) return;
    this.#done = new Set(restored);
    this.#earlier = new Set(restored);
  }

  done(key: string): void {
    const done = (this.#done ??= new Set());
    done.delete(key);
    done.add(key);
    for (const oldest of done) {
      if (done.size <= KEYS_MAX) break;
      done.delete(oldest);
    }
  }

  resumed(): void {
    this.#earlier = this.#done && new Set(this.#done);
  }

  /** Once only: a host that gives all its calls one name is not let off counting them. */
  take(key: string): boolean {
    return this.#earlier?.delete(key) ?? false;
  }

  save(): readonly string[] {
    return this.#done ? [...this.#done] : [];
  }
}
