import type { ServerResponse } from 'node:http';
import { pageHeaders } from './page/assets.ts';

/** Pages that are open, each fed with what it shows. */
export interface EventStreams {
  /** Opens a stream; false when there are too many, or after `closeAll`. `render` gives the messages of one page. */
  open(response: ServerResponse, render: () => readonly Message[]): boolean;
  /** Sends to every page what has changed for it. */
  send(): void;
  closeAll(): void;
  readonly count: number;
}

export interface Message {
  readonly event: string;
  readonly data: unknown;
}

const STREAMS_MOST = 50;
/** A page that has so much unread does not read at all. */
const UNREAD_MOST = 1024 * 1024;
const KEEP_ALIVE = ': still here\n\n';

export function eventStreams(): EventStreams {
  const streams = new Map<ServerResponse, { readonly render: () => readonly Message[]; readonly last: Map<string, string> }>();
  let isClosed = false;

  function sendTo(response: ServerResponse): void {
    const stream = streams.get(response);
    if (!stream) return;
    if (response.writableLength > UNREAD_MOST || response.destroyed) {
      streams.delete(response);
      response.destroy();
      return;
    }
    let text = '';
    for (const { event, data } of stream.render()) {
      const json = JSON.stringify(data);
      if (stream.last.get(event) === json) continue;
      stream.last.set(event, json);
      text += `event: ${event}\ndata: ${json}\n\n`;
    }
    response.write(text === '' ? KEEP_ALIVE : text);
  }

  return {
    open(response, render) {
      if (isClosed || streams.size >= STREAMS_MOST) return false;
      streams.set(response, { render, last: new Map() });
      const forget = (): void => void streams.delete(response);
      response.on('close', forget);
      response.on('error', forget);
      response.writeHead(200, {
        ...pageHeaders,
        'content-type': 'text/event-stream; charset=utf-8',
        'x-accel-buffering': 'no',
      });
      sendTo(response);
      return true;
    },
    send() {
      for (const response of streams.keys()) sendTo(response);
    },
    closeAll() {
      isClosed = true;
      for (const response of streams.keys()) response.end();
      streams.clear();
    },
    get count() {
      return streams.size;
    },
  };
}
