import { HaltError } from 'holdfast';
import { isJson, parsedJson } from './json.ts';
import type { BodyMeter } from './metered-body.ts';
import type { EventNews, Protocol } from './protocols/protocol.ts';
import { sseSplitter, type SseEvent } from './sse.ts';
import { detached } from './detached.ts';
import type { WireCall, WireRequest } from './wire-call.ts';

/** What the meters of one answer share. */
export interface Answering {
  readonly protocol: Protocol;
  readonly call: WireCall;
  readonly request: WireRequest;
  /** The guard asked for the usage, the caller did not. */
  readonly hidesUsage: boolean;
  /** Called once, however it came out. */
  readonly over: () => void;
}

/** The largest whole answer that is read for its usage. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

const LEFT = 'the answer was left before its end';

/** Settles an answer exactly once. */
function settling({ request, over }: Answering) {
  let isOver = false;
  const once = async (settle: () => Promise<void>): Promise<void> => {
    if (isOver) return;
    isOver = true;
    over();
    await settle();
  };
  return {
    ended: (finished: Parameters<WireRequest['ended']>[0]) => once(() => request.ended(finished)),
    failed: (error: unknown, usage?: Parameters<WireRequest['failed']>[1]) => once(() => request.failed(error, usage)),
  };
}

/** Watches an answer that comes as a whole. It is passed on when it is settled. */
export function wholeMeter(answering: Answering): BodyMeter {
  const { protocol, call } = answering;
  const { ended, failed } = settling(answering);
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    take(chunk) {
      length += chunk.byteLength;
      if (length > WHOLE_BYTES_MAX) return Buffer.concat([...chunks.splice(0), chunk]);
      chunks.push(chunk);
      return nothing;
    },
    async end() {
      const bytes = chunks.length === 1 ? bufferOf(chunks[0]!) : Buffer.concat(chunks);
      const said = length > WHOLE_BYTES_MAX ? undefined : parsedJson(bytes.toString('utf8'));
      if (!isJson(said)) {
        await ended({ result: {}, usage: undefined, id: undefined });
        return bytes;
      }
      const made = call.offer?.isClosing ? protocol.withoutTools(said) : said;
      await ended(protocol.finished(made));
      return made === said ? bytes : Buffer.from(JSON.stringify(made));
    },
    async broke(error) {
      await failed(error);
      return undefined;
    },
    left: (reason) => detached(failed(reason ?? new Error(LEFT))),
  };
}

/** Watches an answer that streams: counts what comes, settles before the end is told, and ends it in order where it is cut. */
export function eventMeter(answering: Answering): BodyMeter {
  const { protocol, call, request, hidesUsage } = answering;
  const { ended, failed } = settling(answering);
  const reader = protocol.reader();
  const events = sseSplitter();
  const isClosing = call.offer?.isClosing === true;
  /** What is to be passed on of what was read. */
  let passing: Uint8Array[] = [];
  let isComplete = false;

  function passedOn({ raw }: SseEvent, news: EventNews): Uint8Array {
    if (hidesUsage && news.onlyUsage === 'all') return nothing;
    if (isClosing && news.isAboutTools) return nothing;
    const hidesField = hidesUsage && news.onlyUsage === 'field';
    if (!hidesField && !isClosing) return raw;
    const text = Buffer.from(raw).toString('utf8');
    const shown = hidesField ? text.replace(/,\s*"usage":\s*null/, '') : text;
    return Buffer.from(isClosing ? protocol.eventWithoutTools(shown) : shown);
  }

  /** A promise only where the store or the books must be waited for: most events are about a word or two. */
  function heed(event: SseEvent): void | Promise<void> {
    const data = event.data === undefined ? undefined : event.data === '[DONE]' ? event.data : parsedJson(event.data);
    const news = data === undefined ? {} : reader.take(data);
    const counting = counted(news.deltas ?? [], 0);
    if (counting) return counting.then(() => noted(event, news));
    return noted(event, news);
  }

  function counted(deltas: NonNullable<EventNews['deltas']>, from: number): void | Promise<void> {
    for (let place = from; place < deltas.length; place += 1) {
      const { text, channel } = deltas[place]!;
      const growing = request.stream(text, channel);
      if (growing) return growing.then(() => counted(deltas, place + 1));
    }
  }

  function noted(event: SseEvent, news: EventNews): void | Promise<void> {
    const pass = (): void => void passing.push(passedOn(event, news));
    if (news.error !== undefined) return failed(new Error(news.error), reader.finished().usage).then(pass);
    if (!news.isLast) return pass();
    isComplete = true;
    return ended(withoutTools()).then(pass);
  }

  function heedAll(read: readonly SseEvent[], from: number): Uint8Array | Promise<Uint8Array> {
    for (let place = from; place < read.length; place += 1) {
      const waiting = heed(read[place]!);
      if (waiting) return waiting.then(() => heedAll(read, place + 1));
    }
    return handedOver();
  }

  function handedOver(): Uint8Array {
    const made = joined(passing);
    passing = [];
    return made;
  }

  async function broke(error: unknown): Promise<Uint8Array | undefined> {
    const halt = call.run.haltError;
    await failed(halt ?? error, reader.finished().usage);
    if (!halt && !HaltError.is(error)) return undefined;
    return Buffer.concat([handedOver(), Buffer.from(isComplete ? '' : reader.tail())]);
  }

  const withoutTools = () => {
    const finished = reader.finished();
    const { toolCalls: _calls, ...result } = finished.result;
    return isClosing ? { ...finished, result } : finished;
  };

  return {
    take: (chunk) => heedAll(events.push(chunk), 0),
    async end() {
      // Some servers leave out the empty line behind the last event.
      const last = events.end();
      try {
        if (last) await heed(last);
      } catch (error) {
        const ending = await broke(error);
        if (ending) return ending;
        throw error;
      }
      const finished = withoutTools();
      if (!isComplete) {
        if (finished.usage) await ended(finished);
        else await failed(new Error('the stream ended before its end'));
      }
      return handedOver();
    },
    broke,
    left: (reason) => detached(failed(reason ?? new Error(LEFT), reader.finished().usage)),
  };
}

/** Watches what a provider says of an error: a client that wants to try again does not read it. */
export function errorMeter(over: (isRead: boolean) => void): BodyMeter {
  return {
    take: (chunk) => chunk,
    async end() {
      over(true);
      return nothing;
    },
    async broke() {
      over(true);
      return undefined;
    },
    left: () => over(false),
  };
}

const nothing = new Uint8Array();

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The pieces as one. Those of one chunk lie side by side in memory, unless something was taken out or changed. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first = nothing] = pieces;
  let end = first.byteOffset;
  for (const { buffer, byteOffset, byteLength } of pieces) {
    if (buffer !== first.buffer || byteOffset !== end) return Buffer.concat(pieces);
    end += byteLength;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}
