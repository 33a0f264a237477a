import PQueue, { type Queue, type QueueAddOptions } from 'p-queue';
import type { Abortable } from '../meter/meter.ts';
import { detach } from './time-limit.ts';

/** Gives a slot back. Calling it again does nothing. */
export type GiveBack = () => void;

/** Bounds how many model calls are in flight. Only a gate: the work itself runs in the caller's own context. */
export interface Gate {
  /** A slot at once where there is no bound, else waits for one. Rejects with the signal's reason when it aborts first. */
  enter(runId: string, run: Abortable): GiveBack | Promise<GiveBack>;
}

const nothing = (): void => {};
const open: Gate = { enter: () => nothing };

/** A gate of `slots` slots, dealt round robin over runs, so that no run can crowd out another. Undefined: always open. */
export function createGate(slots: number | undefined): Gate {
  if (slots === undefined) return open;
  const queue = new PQueue({ concurrency: slots, queueClass: RoundRobinQueue });
  return {
    enter: (runId, { signal }) =>
      new Promise<GiveBack>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        const leave = (): void => reject(signal.reason as Error);
        signal.addEventListener('abort', leave, { once: true });
        // The signal is not the queue's business: a call that is under way keeps its slot until it gives it back.
        const occupied = async (): Promise<void> => {
          signal.removeEventListener('abort', leave);
          // Whoever has left passes the turn on.
          if (!signal.aborted) await new Promise<void>((giveBack) => resolve(giveBack));
        };
        detach(queue.add(occupied, { id: runId }));
      }),
  };
}

type Entry = () => Promise<unknown>;

/** One line of waiting calls per run; the lines take turns. */
class RoundRobinQueue implements Queue<Entry, QueueAddOptions> {
  #lines = new Map<string, { run: Entry; options: Partial<QueueAddOptions> }[]>();
  size = 0;

  enqueue(run: Entry, options: Partial<QueueAddOptions> = {}): void {
    const line = this.#lines.get(options.id ?? '') ?? [];
    line.push({ run, options });
    this.#lines.set(options.id ?? '', line);
    this.size += 1;
  }

  dequeue(): Entry | undefined {
    for (const [id, line] of this.#lines) {
      const next = line.shift();
      // The line goes to the end of the round, or away when it is empty.
      this.#lines.delete(id);
      if (line.length > 0) this.#lines.set(id, line);
      if (!next) continue;
      this.size -= 1;
      return next.run;
    }
    return undefined;
  }

  filter(options: Readonly<Partial<QueueAddOptions>>): Entry[] {
    return [...this.#lines.values()]
      .flat()
      .filter((entry) => entry.options.priority === options.priority)
      .map(({ run }) => run);
  }

  setPriority(): void {
    // All lines have the same priority.
  }

  remove(): void {
    // Nothing is removed by id: a call that was aborted passes its turn on when it comes.
  }
}
