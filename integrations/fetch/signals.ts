/** A signal that follows others until it is let go of: what lives long must not gather listeners. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  letGo(): void;
}

export function linkedSignal(signals: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const links = signals.flatMap((signal) => {
    if (!signal) return [];
    if (signal.aborted) controller.abort(signal.reason);
    const abort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    return [() => signal.removeEventListener('abort', abort)];
  });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    letGo: () => {
      for (const link of links) link();
    },
  };
}
