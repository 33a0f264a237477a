import { noticeText } from './alert-notice.ts';
import type { AlertSink } from './alert-sink.ts';

/** Writes alerts as lines of text, to standard error unless told otherwise. Control characters of ids are made visible. */
export function logSink(write: (line: string) => void = (line) => void process.stderr.write(`${line}\n`)): AlertSink {
  return {
    name: 'log',
    async send({ notices }) {
      for (const notice of notices) write(`holdfast: ${noticeText(notice, visible)}`);
    },
  };
}

const visible = (id: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  id.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
