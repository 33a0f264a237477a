/** One event of a stream, and the bytes that it is made of. */
export interface SseEvent {
  readonly raw: Uint8Array;
  /** What its `data:` lines say; undefined for comments and fields alone. */
  readonly data: string | undefined;
}

/** Cuts a stream of bytes into its events. */
export interface SseSplitter {
  push(chunk: Uint8Array): SseEvent[];
  /** What is left when the stream is over: an event without its end, or nothing. */
  end(): SseEvent | undefined;
}

/** An event this long is no event. */
const EVENT_BYTES_MAX = 32 * 1024 * 1024;
const LF = 10;
const CR = 13;

export function sseSplitter(): SseSplitter {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      const bytes = rest.byteLength === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([rest, chunk]);
      const events: SseEvent[] = [];
      // An end may have begun in the bytes before; three are enough to see it.
      let from = Math.max(0, rest.byteLength - 3);
      let start = 0;
      for (;;) {
        const end = endOfEvent(bytes, from);
        if (end < 0) break;
        const raw = bytes.subarray(start, end);
        events.push({ raw, data: dataOf(raw) });
        start = end;
        from = end;
      }
      rest = bytes.subarray(start);
      if (rest.byteLength > EVENT_BYTES_MAX) throw new RangeError(`an event of the stream is larger than ${EVENT_BYTES_MAX} bytes`);
      return events;
    },
    end: () => (rest.byteLength === 0 ? undefined : { raw: rest, data: dataOf(rest) }),
  };
}

/** Lines may end in CR alone, in streams that know no other end. */
const EMPTY_CR_LINE = Buffer.from('\r\r');

/** Where the first empty line ends that is complete; -1 for none. */
function endOfEvent(bytes: Buffer, from: number): number {
  const first = bytes.indexOf(LF, from);
  if (first < 0) {
    const at = from < bytes.byteLength ? bytes.indexOf(EMPTY_CR_LINE, from) : -1;
    return at < 0 ? -1 : at + EMPTY_CR_LINE.byteLength;
  }
  for (let at = first; at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const before = bytes[at - 1] === CR ? at - 2 : at - 1;
    if (before >= 0 && bytes[before] === LF) return at + 1;
  }
  return -1;
}

/** How most events begin that are nothing but data. */
const DATA = Buffer.from('data: ');

function dataOf(raw: Buffer): string | undefined {
  // One line of data and the empty one after it: what nearly all events of nearly all providers are.
  const isOneLine = raw.indexOf(LF) === raw.byteLength - 2 && raw.indexOf(CR) < 0 && raw.subarray(0, DATA.byteLength).equals(DATA);
  if (isOneLine) return raw.toString('utf8', DATA.byteLength, raw.byteLength - 2);
  let data: string | undefined;
  // A stream may begin with a byte order mark.
  const text = raw.toString('utf8').replace(/^\uFEFF/, '');
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (!line.startsWith('data:')) continue;
    const value = line.slice(line.startsWith('data: ') ? 6 : 5);
    data = data === undefined ? value : `${data}\n${value}`;
  }
  return data;
}
