import { noticeText } from './alert-notice.ts';
import type { AlertSink } from './alert-sink.ts';
import { httpPost, type Fetch } from './http-post.ts';
import { checkUrl } from './webhook-sink.ts';

export interface SlackOptions {
  /** The address of an incoming webhook of Slack, or of something that speaks the same (Mattermost, Rocket.Chat). */
  readonly url: string;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
}

const SHOWN = 20;
const ID_MAX = 80;

/**
 * Posts alerts to a channel. Ids are escaped, so that none can become a link or a mention.
 *
 * @throws InvalidOptionError
 */
export function slackSink({ url, fetch = globalThis.fetch }: SlackOptions): AlertSink {
  checkUrl('options of slackSink', url);
  return {
    name: `slack ${new URL(url).host}`,
    send({ notices }, signal) {
      const lines = notices.slice(0, SHOWN).map((notice) => `${mark(notice.threshold)} ${noticeText(notice, escaped)}`);
      if (notices.length > SHOWN) lines.push(`… and ${notices.length - SHOWN} more`);
      return httpPost(fetch, url, {}, JSON.stringify({ text: lines.join('\n') }), signal);
    },
  };
}

const mark = (threshold: number): string =>
  threshold >= 0.95 ? ':red_circle:' : threshold >= 0.8 ? ':large_orange_circle:' : ':large_yellow_circle:';

/** Slack's own three, and what else it reads as formatting is kept from it by a code span. */
const escaped = (id: string): string => {
  const short = id.length > ID_MAX ? `${id.slice(0, ID_MAX)}…` : id;
  return `\`${short.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('`', "'").replaceAll(/\s+/g, ' ')}\``;
};
