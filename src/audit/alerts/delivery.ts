import PQueue from 'p-queue';
import type { AlertNotice } from './alert-notice.ts';
import { FinalDeliveryError, RetryLaterError, type AlertSink } from './alert-sink.ts';

export interface DeliveryOptions {
  /** Pauses before the next tries, in milliseconds; so many tries beyond the first. */
  readonly retryMs: readonly number[];
  /** How long one try may take. */
  readonly timeoutMs: number;
  /** Messages that may wait; a further one is refused. */
  readonly mostWaiting: number;
  readonly onError: (error: unknown) => void;
}

/** Hands messages to one sink, a few at a time, each until it has arrived or there is no more hope. */
export interface Delivery {
  push(messageId: string, notices: readonly AlertNotice[]): void;
  /** Resolves when nothing waits, or the time is up; what waits then is given up. */
  close(withinMs: number): Promise<void>;
}

/** A message that waits for its next try must not hold up the others. */
const AT_ONCE = 4;
const RETRY_AFTER_MAX_MS = 15 * 60_000;

export function delivery(sink: AlertSink, { retryMs, timeoutMs, mostWaiting, onError }: DeliveryOptions): Delivery {
  const queue = new PQueue({ concurrency: AT_ONCE });
  const closed = new AbortController();

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      timer.unref();
      closed.signal.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        closed.signal.removeEventListener('abort', done);
        resolve();
      }
    });

  async function attempt(message: { messageId: string; notices: readonly AlertNotice[] }): Promise<void> {
    const limit = AbortSignal.any([closed.signal, AbortSignal.timeout(timeoutMs)]);
    // A sink that does not heed its signal is not waited for.
    const overTime = new Promise<never>((_, reject) =>
      limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true }),
    );
    await Promise.race([sink.send(message, limit), overTime]);
  }

  async function deliver(message: { messageId: string; notices: readonly AlertNotice[] }): Promise<void> {
    for (const waitMs of [...retryMs, undefined]) {
      try {
        return await attempt(message);
      } catch (error) {
        const isLast = waitMs === undefined || error instanceof FinalDeliveryError || closed.signal.aborted;
        onError(new Error(`alert to ${sink.name} failed${isLast ? ' and is given up' : ', it is tried again'}`, { cause: error }));
        if (isLast) return undefined;
        const asked = error instanceof RetryLaterError ? (error.afterMs ?? 0) : 0;
        await pause(Math.max(waitMs, Math.min(asked, RETRY_AFTER_MAX_MS)));
        if (closed.signal.aborted) return undefined;
      }
    }
    return undefined;
  }

  return {
    push(messageId, notices) {
      if (closed.signal.aborted) return;
      if (queue.size >= mostWaiting) onError(new Error(`alert to ${sink.name} is given up: ${mostWaiting} messages wait already`));
      else queue.add(() => deliver({ messageId, notices })).catch(onError);
    },
    async close(withinMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)));
      await Promise.race([queue.onIdle(), late]);
      clearTimeout(timer);
      closed.abort(new Error('closed'));
      queue.clear();
    },
  };
}
