import { detached } from './detached.ts';

/** What watches a body as it passes. */
export interface BodyMeter {
  /** What is passed on of a chunk. Throws where the body must end here. */
  take(chunk: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The body is complete: what is still to be passed on. */
  end(): Promise<Uint8Array>;
  /** It broke, or must end here: how it is ended in order, or undefined for an error. */
  broke(error: unknown): Promise<Uint8Array | undefined>;
  /** Nobody wants the rest. */
  left(reason: unknown): void;
}

/** The same body, read only as it is asked for, with somebody watching. `over` is called when nothing more of it will come. */
export function meteredBody(body: ReadableStream<Uint8Array>, meter: BodyMeter, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const { done, value } = await reader.read();
            const passed = done ? await meter.end() : await meter.take(value);
            if (passed.byteLength > 0) controller.enqueue(passed);
            if (done) {
              over();
              return controller.close();
            }
            if (passed.byteLength > 0) return;
          }
        } catch (error) {
          detached(reader.cancel(error));
          const ending = await meter.broke(error).finally(over);
          if (!ending) return controller.error(error);
          if (ending.byteLength > 0) controller.enqueue(ending);
          controller.close();
        }
      },
      async cancel(reason) {
        meter.left(reason);
        over();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
