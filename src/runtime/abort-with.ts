/** Aborts a controller when one of the signals does, for the same reason. Returns the way out. */
export function abortWith(controller: AbortController, signals: readonly (AbortSignal | undefined)[]): () => void {
  const present = signals.filter((signal) => signal !== undefined);
  const abort = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  for (const signal of present) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', abort, { once: true });
  }
  return () => {
    for (const signal of present) signal.removeEventListener('abort', abort);
  };
}
