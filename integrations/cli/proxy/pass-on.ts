import type { ServerResponse } from 'node:http';
import type { BodyMeter } from 'holdfast/fetch';
import type { Watch } from './silence.ts';
import { UpstreamError, type HeaderList, type UpstreamAnswer } from './upstream.ts';

export interface PassingOptions {
  /** Told to the client beside what the upstream tells it. */
  readonly headers: HeaderList;
  /** What watches the body; undefined where nobody does. */
  readonly meter: BodyMeter | undefined;
  /** Finds out whether the client reads on. */
  readonly watchClient: Watch;
  /** Waits for what comes in the same turn of the loop. */
  readonly nextTurn: () => Promise<void>;
  /** Is given the first bytes of the body. */
  readonly onStart?: ((bytes: Uint8Array) => void) | undefined;
}

/** An answer on its way to the client. */
export interface Passing {
  /** Rejects where the client was not told everything, be it that it was told nothing. */
  readonly done: Promise<void>;
  /** Ends the answer here, in order where that can be done. */
  cut(reason: Error): void;
  /** Nobody wants the rest. */
  leave(reason: Error): void;
}

/** Answers up to this size are sent in one piece, with their length. */
const WHOLE_MAX = 65_536;
const NOTHING = new Uint8Array();

const isBodyless = (status: number): boolean => status === 204 || status === 205;

/**
 * Sends an upstream's answer on, byte for byte as it comes, no faster than the client reads. What is not a stream goes out
 * whole unless it is large.
 */
export function passOn(
  from: UpstreamAnswer,
  to: ServerResponse,
  { headers, meter, watchClient, nextTurn, onStart }: PassingOptions,
): Passing {
  const { body: source, status } = from;
  const isStream = from.header('content-type')?.startsWith('text/event-stream') ?? false;
  const head = [...from.headers, ...headers];
  /** What one turn of the loop brings is one piece, however many chunks it was sent in: each piece costs its way through. */
  let arrived: Buffer[] = [];
  let ending: 'no' | 'ended' | UpstreamError = 'no';
  let isWaiting = false;
  let isOver = false;
  let isStarted = false;
  let held: Uint8Array[] | undefined = isStream ? undefined : [];
  let heldBytes = 0;
  let reading = (): void => {};
  let settle!: { resolve: () => void; reject: (reason: unknown) => void };
  const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));

  function begin(): void {
    clearImmediate(flushing);
    if (!to.headersSent) to.writeHead(status, head);
  }

  function started(bytes: Uint8Array): void {
    if (!isStarted) onStart?.(bytes);
    isStarted = true;
  }

  function write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    started(bytes);
    if (held) {
      held.push(bytes);
      heldBytes += bytes.byteLength;
      if (heldBytes > WHOLE_MAX) release(held);
      return;
    }
    begin();
    if (!to.write(bytes)) stall();
  }

  function release(pieces: readonly Uint8Array[]): void {
    held = undefined;
    begin();
    if (!to.write(Buffer.concat(pieces))) stall();
  }

  /** The client does not take what it was sent: no more is read until it does. */
  function stall(): void {
    if (isWaiting || isOver) return;
    isWaiting = true;
    source.pause();
    const watched = watchClient(
      () => 0,
      () => leave(new Error('the client does not read')),
    );
    reading = () => {
      watched();
      to.off('drain', drained);
    };
    const drained = (): void => {
      reading();
      goOn();
    };
    to.once('drain', drained);
  }

  function goOn(): void {
    isWaiting = false;
    if (isOver) return;
    source.resume();
    flush();
  }

  function flush(): void {
    if (isWaiting || isOver) return;
    if (arrived.length > 0) {
      const piece = arrived.length === 1 ? arrived[0]! : Buffer.concat(arrived);
      arrived = [];
      take(piece);
    }
    if (isWaiting || isOver || ending === 'no') return;
    if (ending !== 'ended') return cut(ending);
    isOver = true;
    if (!meter) return finish(NOTHING);
    nextTurn()
      .then(() => meter.end())
      .then(finish, fail);
  }

  function take(piece: Uint8Array): void {
    if (!meter) return write(piece);
    let passed: Uint8Array | Promise<Uint8Array>;
    try {
      passed = meter.take(piece);
    } catch (error) {
      return cut(error as Error);
    }
    if (!(passed instanceof Promise)) return write(passed);
    isWaiting = true;
    source.pause();
    passed.then((bytes) => {
      isWaiting = false;
      if (isOver) return;
      write(bytes);
      if (!isWaiting) goOn();
    }, cut);
  }

  function finish(rest: Uint8Array): void {
    stopWatching();
    if (to.destroyed) return settle.reject(new Error('the client has left'));
    if (rest.byteLength > 0) started(rest);
    if (held && !to.headersSent) {
      const whole = held.length === 0 ? rest : Buffer.concat([...held, rest]);
      clearImmediate(flushing);
      if (isBodyless(status)) to.writeHead(status, head).end();
      else {
        head.push('content-length', String(whole.byteLength));
        // As text of one byte a character, which loses nothing: Node sends that in one piece with the head.
        to.writeHead(status, head).end(whole.toString('latin1'), 'latin1');
      }
    } else {
      begin();
      to.end(rest);
    }
    settle.resolve();
  }

  /** Cut off where it has begun, so that nobody takes it for whole. */
  function fail(error: unknown): void {
    stopWatching();
    if (to.headersSent) to.destroy();
    settle.reject(error);
  }

  function stopWatching(): void {
    clearImmediate(flushing);
    reading();
  }

  function cut(reason: Error): void {
    if (isOver) return;
    isOver = true;
    source.destroy();
    if (!meter) return fail(reason);
    meter.broke(reason).then((rest) => (rest ? finish(rest) : fail(reason)), fail);
  }

  function leave(reason: Error): void {
    if (isOver) return;
    isOver = true;
    source.destroy();
    meter?.left(reason);
    fail(reason);
  }

  function broken(error: NodeJS.ErrnoException | undefined): void {
    if (ending !== 'no') return;
    ending = error instanceof UpstreamError ? error : new UpstreamError(502, 'the upstream broke off', error?.code);
    flush();
  }

  // The head travels with the first piece where that is there, and does not wait for one that is not.
  const flushing = isStream
    ? setImmediate(() => {
        begin();
        to.flushHeaders();
      })
    : undefined;
  source.on('data', (chunk: Buffer) => {
    arrived.push(chunk);
    if (arrived.length === 1) process.nextTick(flush);
  });
  source.once('end', () => {
    if (ending === 'no') ending = 'ended';
    flush();
  });
  source.on('error', broken);
  source.once('close', () => broken(undefined));
  return { done, cut, leave };
}
