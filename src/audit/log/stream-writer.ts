import type { Writable } from 'node:stream';
import type { Writer } from './writer.ts';

/**
 * Writes to a stream, and waits while it is full. The stream stays its owner's: it is not ended. When it fails, every
 * further append rejects.
 */
export function streamWriter(stream: Writable): Writer {
  // One that is gone already tells of it no more.
  let failure = stream.destroyed ? new Error('the stream of the audit log is closed') : undefined;
  stream.on('error', (error: Error) => (failure ??= error));
  stream.once('close', () => (failure ??= new Error('the stream of the audit log was closed')));
  return {
    async append(text) {
      if (failure) throw failure;
      if (text === '' || stream.write(text)) return;
      await new Promise<void>((resolve, reject) => {
        const settle = (): void => {
          for (const event of ['drain', 'close', 'error']) stream.off(event, settle);
          if (failure) reject(failure);
          else resolve();
        };
        for (const event of ['drain', 'close', 'error']) stream.on(event, settle);
      });
    },
    close: async () => {},
  };
}
