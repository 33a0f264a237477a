import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Who may see the page and act on it. */
export interface AccessOptions {
  /** With a token, everything but the bare page needs it; without one, nothing can be changed and only this machine may look. */
  readonly token: string | undefined;
  /** The names under which the page may be asked for; others are refused, so that no foreign site can point its name here. */
  readonly hosts: readonly string[];
}

/** What is wrong with a request, as a status and words; undefined where nothing is. */
export type Objection = { readonly status: number; readonly text: string } | undefined;

/** The names of this machine for itself: the default of `hosts`, to put names of your own beside them. */
export const loopbackHosts: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export interface Access {
  /** For every request. */
  objection(request: IncomingMessage): Objection;
  /** For what shows data. */
  toSee(request: IncomingMessage): Objection;
  /** For what changes something. */
  toAct(request: IncomingMessage): Objection;
}

export function accessCheck({ token, hosts }: AccessOptions): Access {
  const allowed = new Set(hosts.map((host) => host.toLowerCase()));
  const hasToken = ({ headers: { authorization = '' } }: IncomingMessage): boolean =>
    token !== undefined && isSame(authorization, `Bearer ${token}`);
  const unauthorized = { status: 401, text: 'the token is missing or wrong' };
  return {
    objection({ headers }) {
      const name = hostName(headers.host ?? '');
      return allowed.has(name) ? undefined : { status: 421, text: `this page is not served under the name "${name.slice(0, 100)}"` };
    },
    toSee(request) {
      if (token !== undefined) return hasToken(request) ? undefined : unauthorized;
      return isLoopback(request.socket.remoteAddress) ? undefined : { status: 403, text: 'without a token only this machine may look' };
    },
    toAct(request) {
      if (token === undefined) return { status: 403, text: 'actions need a token; this page was started without one' };
      if (!hasToken(request)) return unauthorized;
      const { origin, host = '', 'content-type': type = '' } = request.headers;
      if (origin !== undefined && hostOf(origin) !== host) return { status: 403, text: 'a page of another origin may not act here' };
      return type.startsWith('application/json') ? undefined : { status: 415, text: 'expected application/json' };
    },
  };
}

/** Compared as hashes: neither the length nor the first wrong letter shows in the time it takes. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** The name in a Host header, without its port. */
const hostName = (host: string): string => host.replace(/:\d+$/, '').toLowerCase();

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

export const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.'));
