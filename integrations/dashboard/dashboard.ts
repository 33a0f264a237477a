import type { IncomingMessage, ServerResponse } from 'node:http';
import { followEntries, InvalidOptionError, type AccountReading, type AuditEntry } from 'holdfast';
import { accessCheck, loopbackHosts, type Objection } from './access.ts';
import { guardActions, RefusedError, type DashboardGuard } from './actions.ts';
import { eventStreams, type Message } from './event-streams.ts';
import { assets, pageHeaders } from './page/assets.ts';
import { readJson } from './read-json.ts';
import { watchedRuns } from './watched-runs.ts';

export interface DashboardOptions {
  /**
   * Whoever has it may look and act; at least 16 characters. Without one the page is for this machine alone, and can only
   * be looked at.
   */
  readonly token?: string | undefined;
  /** The host names under which the page is reached. Default: those of this machine (`localhost`, `127.0.0.1`, `[::1]`). */
  readonly hosts?: readonly string[] | undefined;
  /** Where in your server the page lives, such as `/holdfast`, without a slash at its end. Default: at its root. */
  readonly basePath?: string | undefined;
  /** How often open pages are told of what has changed, in milliseconds. Default 500. */
  readonly everyMs?: number | undefined;
}

/** A page over one guard, or over entries of an audit log. */
export interface Dashboard {
  /** For `http.createServer`, or as a middleware: true when the request was for the page, and was answered. */
  handler(request: IncomingMessage, response: ServerResponse): boolean;
  /** Shows an entry: for logs of other processes. A guard that was given is followed by itself. */
  add(entry: AuditEntry): void;
  /** Stops listening and closes the pages that are open. */
  close(): void;
}

const ACCOUNTS_SHOWN = 200;
/** The accounts of runs that are live are among those that are read. */
const ACCOUNTS_READ = 1_000;
const ACCOUNTS_EVERY_MS = 1_000;

/**
 * The page as a request handler for one's own server. Nothing on it comes from elsewhere, and no prompt, argument or result
 * is on it. A page that does not read what it is sent is dropped, never waited for.
 *
 * @throws InvalidOptionError
 * @example createServer((request, response) => dashboard(guard, { token }).handler(request, response)).listen(4700, '127.0.0.1');
 */
export function dashboard(guard: DashboardGuard | undefined, options: DashboardOptions = {}): Dashboard {
  const { token, hosts = loopbackHosts, basePath = '', everyMs = 500 } = options;
  checkOptions(token, basePath);
  const access = accessCheck({ token, hosts });
  const watched = watchedRuns();
  const streams = eventStreams();
  /** Makes the page know all that has happened. */
  const catchUp = (): void => guard?.later?.flush();
  const isLive = (run: string): boolean => {
    catchUp();
    return watched.run(run)?.endedAt === null;
  };
  const actions = guard && guardActions(guard, isLive);
  const stopFollowing = guard ? followEntries(guard.later ?? guard, watched.add) : () => {};
  const canAct = token !== undefined && actions !== undefined;
  let accounts: readonly AccountReading[] = [];
  let shownAccounts: readonly AccountReading[] = [];
  let accountsAt = 0;
  let isReading = false;

  /** Accounts are read from the store while somebody looks, once a second at most. */
  function refreshAccounts(): void {
    if (!guard || isReading || Date.now() - accountsAt < ACCOUNTS_EVERY_MS) return;
    isReading = true;
    const done = (read?: readonly AccountReading[]): void => {
      isReading = false;
      accountsAt = Date.now();
      if (!read) return;
      accounts = read;
      shownAccounts = read.filter(({ scope }) => scope !== 'run').slice(0, ACCOUNTS_SHOWN);
    };
    guard.list({ most: ACCOUNTS_READ }).then(done, () => done());
  }

  const timer = setInterval(() => {
    if (streams.count === 0) return;
    refreshAccounts();
    catchUp();
    streams.send();
  }, everyMs);
  timer.unref();

  const render = (run: string | null) => (): Message[] => [
    { event: 'overview', data: { ...watched.overview(), accounts: shownAccounts, canAct } },
    ...(run === null
      ? []
      : [
          {
            event: 'run',
            data: { detail: watched.run(run) ?? null, accounts: accounts.filter(({ scope, id }) => scope === 'run' && id === run) },
          },
        ]),
  ];

  function answer(request: IncomingMessage, response: ServerResponse, path: string, query: string): void {
    const objection = access.objection(request);
    const asset = assets[path];
    if (objection) return refuse(response, objection);
    if (asset && (request.method === 'GET' || request.method === 'HEAD')) {
      response.writeHead(200, { ...pageHeaders, 'content-type': asset.type });
      response.end(request.method === 'HEAD' ? undefined : asset.body);
    } else if (path === '/api/events' && request.method === 'GET') {
      const notAllowed = access.toSee(request);
      if (notAllowed) return refuse(response, notAllowed);
      refreshAccounts();
      catchUp();
      const isOpen = streams.open(response, render(new URLSearchParams(query).get('run')));
      if (!isOpen) refuse(response, { status: 503, text: 'too many pages are open, or the page was closed' });
    } else if ((path === '/api/limit' || path === '/api/halt') && request.method === 'POST') {
      act(request, response, path).catch(() => response.destroy());
    } else refuse(response, { status: 404, text: 'there is nothing here' });
    return undefined;
  }

  async function act(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const notAllowed = access.toAct(request) ?? (actions ? undefined : { status: 403, text: 'a log can only be looked at' });
    if (notAllowed || !actions) return refuse(response, notAllowed ?? { status: 403, text: '' });
    try {
      const asked = await readJson(request);
      await (path === '/api/limit' ? actions.setLimit(asked) : actions.haltRun(asked));
      accountsAt = 0;
      refreshAccounts();
      response.writeHead(204, pageHeaders).end();
    } catch (error) {
      refuse(
        response,
        error instanceof RefusedError ? { status: 400, text: error.message } : { status: 500, text: 'the store did not do it' },
      );
    }
    return undefined;
  }

  return {
    handler(request, response) {
      // By hand: what a stranger sends need not be a URL, and must not throw.
      const [, place = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(request.url ?? '/') ?? [];
      if (place === basePath && basePath !== '') {
        response.writeHead(308, { location: `${basePath}/` }).end();
        return true;
      }
      if (!place.startsWith(`${basePath}/`)) return false;
      answer(request, response, place.slice(basePath.length), query);
      return true;
    },
    add: watched.add,
    close() {
      clearInterval(timer);
      stopFollowing();
      streams.closeAll();
    },
  };
}

function checkOptions(token: string | undefined, basePath: string): void {
  const problem = (path: string, message: string, value: unknown): InvalidOptionError =>
    new InvalidOptionError('options of dashboard', [{ path, message, value }]);
  if (token !== undefined && token.length < 16)
    throw problem('token', 'expected a token of at least 16 characters: a shorter one can be guessed', undefined);
  if (basePath !== '' && !/^\/.*[^/]$/.test(basePath))
    throw problem('basePath', 'expected a path such as /holdfast: a slash at its begin and none at its end', basePath);
}

function refuse(response: ServerResponse, { status, text }: NonNullable<Objection>): void {
  response.writeHead(status, { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
