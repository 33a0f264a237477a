/** Anything that lives until a moment, in milliseconds. The moment may be moved later while it is queued. */
export interface Expiring {
  expiresAt: number;
}

/**
 * A binary heap by expiry. A thing whose expiry was moved later is put back when its old turn comes,
 * so that extending costs nothing.
 */
export interface ExpiryQueue<T extends Expiring> {
  add(item: T): void;
  /** Takes the next thing that is due at `now` and still wanted, or undefined. */
  takeDue(now: number, isWanted: (item: T) => boolean): T | undefined;
  readonly size: number;
}

export function expiryQueue<T extends Expiring>(): ExpiryQueue<T> {
  const heap: { at: number; item: T }[] = [];

  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j]!, heap[i]!];
  };
  const rise = (from: number): void => {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= heap[i]!.at) return;
      swap(i, parent);
      i = parent;
    }
  };
  const sink = (): void => {
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && heap[child]!.at < heap[least]!.at) least = child;
      if (least === i) return;
      swap(i, least);
      i = least;
    }
  };
  const push = (item: T): void => {
    heap.push({ at: item.expiresAt, item });
    rise(heap.length - 1);
  };
  const pop = (): T => {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      sink();
    }
    return top.item;
  };

  return {
    add: push,
    takeDue(now, isWanted) {
      while (heap.length > 0 && heap[0]!.at <= now) {
        const item = pop();
        if (!isWanted(item)) continue;
        if (item.expiresAt <= now) return item;
        push(item);
      }
      return undefined;
    },
    get size() {
      return heap.length;
    },
  };
}
