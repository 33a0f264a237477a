import type { Guard, RunBudgets, ScopeIds } from 'holdfast';
import type { Json } from './json.ts';

/** Guards of any scopes and any answers. */
export type AnyGuard = Guard<string, unknown>;

/** What is known of a request to a model before it is sent. */
export interface ModelRequest {
  readonly url: URL;
  readonly headers: Headers;
  /** The body, as the provider's protocol has it. */
  readonly body: Json;
}

/** What `guardFetch` may be told. All is optional. */
export interface GuardFetchOptions {
  /** What sends requests on. Default: the global `fetch`, as it is at the time of the call. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /**
   * For whom a call works that is made outside of any run: ids, or a function of the request. Inside `guard.run` the run
   * has them already. Default: none.
   */
  readonly scopes?: ScopeIds<string> | ((request: ModelRequest) => ScopeIds<string> | Promise<ScopeIds<string>>) | undefined;
  /** Budgets of the runs that are started for calls outside of any run. */
  readonly budgets?: RunBudgets<string> | undefined;
  /** Which agent makes the calls, for reports and hand-off detection. */
  readonly agent?: string | undefined;
  /**
   * Streams of Chat Completions report their usage only when they are asked to. Where the caller did not ask, the guard
   * does, and takes out of the stream what the caller did not ask for. `false` for a server that refuses
   * `stream_options`: what streams is counted then, and booked as an estimate. Default true.
   */
  readonly asksForUsage?: boolean | undefined;
  /**
   * What becomes of a call of a model whose body cannot be read (no JSON object, compressed, a form, too large): it is
   * refused with status 400 or 413, or passed on unmetered. Default `'refuse'`.
   */
  readonly unreadableBodies?: 'refuse' | 'pass' | undefined;
  /**
   * What becomes of requests to other paths, such as files, images or batches: passed on untouched and unmetered, or
   * refused with status 403. Default `'pass'`.
   */
  readonly otherPaths?: 'pass' | 'refuse' | undefined;
  /** The largest body of a request that is read, in bytes. Default 64 MiB. */
  readonly maxBodyBytes?: number | undefined;
}
