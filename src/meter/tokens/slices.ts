/** How long work may hold the event loop, in milliseconds. One more step may follow, so steps are kept well below a millisecond. */
const SLICE_MS = 2;

const waiting: (() => void)[] = [];

/** Resolves in a turn of the event loop that no other slice has: many counts at once then stall the loop no longer than one. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(giveTurn);
  });
}

function giveTurn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}

/**
 * Does work in slices of a few milliseconds, each in a turn of the event loop of its own, until `step` answers false.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function inSlices(step: () => boolean, signal?: AbortSignal): Promise<void> {
  for (let isMore = true; isMore;) {
    await nextTurn();
    signal?.throwIfAborted();
    const deadline = performance.now() + SLICE_MS;
    do isMore = step();
    while (isMore && performance.now() < deadline);
  }
}
