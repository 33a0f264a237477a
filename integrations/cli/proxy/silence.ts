import { Crowd, type Member } from 'holdfast';

/** Watches something until it is told to stop; `onSilent` is called when it has made no progress for too long. */
export type Watch = (progress: () => number, onSilent: () => void) => () => void;

interface Watched extends Member {
  readonly progress: () => number;
  readonly onSilent: () => void;
  seen: number;
  at: number;
}

/**
 * Finds out what has been silent for `mostMs`, a little later than exactly: one timer looks at all that is watched, so that
 * nothing has to be wound up and down for every request.
 */
export function silenceWatch(mostMs: number): Watch {
  const watched = new Crowd<Watched>();
  let timer: NodeJS.Timeout | undefined;

  function sweep(): void {
    const now = Date.now();
    for (const each of watched.all()) {
      const progress = each.progress();
      if (progress !== each.seen) {
        each.seen = progress;
        each.at = now;
      } else if (now - each.at >= mostMs) {
        watched.delete(each);
        each.onSilent();
      }
    }
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return (progress, onSilent) => {
    const each: Watched = { progress, onSilent, seen: progress(), at: Date.now(), place: -1 };
    watched.add(each);
    timer ??= setInterval(sweep, Math.max(10, Math.min(1_000, mostMs / 4))).unref();
    return () => watched.delete(each);
  };
}
