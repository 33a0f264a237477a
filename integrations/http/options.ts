import type { IncomingMessage } from 'node:http';
import { InvalidOptionError, type AccountReading, type Run } from 'holdfast';
import type { Problem } from './problem.ts';

/** The part of a guard that a gate needs. */
export interface GatedGuard {
  run<T>(options: { scopes?: Scopes; agent?: string; signal?: AbortSignal; parent?: null }, fn: (run: Run) => T): Promise<unknown>;
  read(scope: string, id?: string, options?: { tenant?: string }): Promise<AccountReading>;
}

/** Ids by scope. A scope that is left out uses the shared account, as everywhere. */
export type Scopes = Readonly<Record<string, string | number | undefined>>;

/** A request as the functions of a gate's options see it, whatever server it came to. */
export interface GateRequest {
  readonly method: string;
  /** The path with its query, such as `/chat?stream=1`. */
  readonly url: string;
  /** A header's value; of one that came several times, the values joined by commas. */
  header(name: string): string | undefined;
  /** The server's own request: a web `Request`, or Node's (Express's) `IncomingMessage` with what was put on it. */
  readonly raw: Request | IncomingMessage;
}

/** A way of serving a request with less, from a pressure on. */
export interface DegradedOffer {
  /** What the handler is told, such as `cheaper`, `cached` or `person`. */
  readonly name: string;
  /**
   * How full the fullest of the request's accounts is when it begins, 0 to 1, with what the request needs counted in. At 1
   * the budget has no room: what is offered there must spend nothing, and is offered in place of a refusal.
   */
  readonly at: number;
}

/** How a gate lets requests in. Everything but `scopes` has a default. */
export interface HttpGateOptions {
  /**
   * Who asks, and for which feature: from a header, a session, a verified token. It may be asynchronous and has 10 seconds.
   * `null` means that nobody is known: the answer is 401.
   */
  readonly scopes: (request: GateRequest) => Scopes | null | undefined | Promise<Scopes | null | undefined>;
  /** The name of the agent that works behind the gate, for events and reports. */
  readonly agent?: string | undefined;
  /** The largest body that is taken, in bytes, as sent and after decoding. Default 1,048,576. */
  readonly maxBodyBytes?: number | undefined;
  /** How long a body may take to arrive, in milliseconds. Default 10,000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** The most tokens that a body may hold. A larger one is refused with 413. Default: no limit but that of the bytes. */
  readonly maxInputTokens?: number | undefined;
  /**
   * The part of the decoded body that holds the user's words, for the count. Default: all of it, as for a body in which the
   * function finds none, or throws.
   */
  readonly inputText?: ((body: string) => string) | undefined;
  /** The model whose tokens are counted. Default `gpt-4o`. */
  readonly model?: string | undefined;
  /** What is offered to the handler as the budget fills, in place of `full`. Default: nothing, so that an empty budget refuses. */
  readonly offers?: readonly DegradedOffer[] | undefined;
  /** Shapes the problem details before they are sent. One that throws is passed over. */
  readonly problem?: ((problem: Problem) => Problem) | undefined;
  /** Whether responses carry `RateLimit` and `RateLimit-Policy`. Default true. */
  readonly rateLimitFields?: boolean | undefined;
}

/** What a gate has found out about a request that it let in. */
export interface Admission {
  /** The run in which the handler works: agents inside draw on it. Its signal aborts when the client leaves. */
  readonly run: Run;
  /** How the request is to be served: `full`, or the name of one of the gate's offers. */
  readonly offer: string;
  /** How full the fullest of the request's accounts is, this request counted in; 0 where nothing is limited. */
  readonly pressure: number;
  /** Tokens of the body's text; undefined where nobody needed to know. */
  readonly inputTokens: number | undefined;
  /** The accounts on which the request draws, as they stood. */
  readonly accounts: readonly AccountReading[];
  /** The decoded body. */
  text(): string;
  /** The decoded body as JSON. @throws SyntaxError where it is none */
  json(): unknown;
}

/** The options with their defaults. */
export interface GateSettings {
  readonly scopes: HttpGateOptions['scopes'];
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly offers: readonly DegradedOffer[];
  readonly agent: string | undefined;
  readonly maxInputTokens: number | undefined;
  readonly inputText: (body: string) => string;
  readonly model: string;
  readonly problem: (problem: Problem) => Problem;
  readonly hasFields: boolean;
}

export function gateSettings(options: HttpGateOptions): GateSettings {
  const { maxBodyBytes = 1_048_576, bodyTimeoutMs = 10_000, maxInputTokens, offers = [], rateLimitFields = true } = options;
  const issues: { path: string; message: string; value: unknown }[] = [];
  const check = (path: string, value: unknown, isFine: boolean, message: string): void => {
    if (!isFine) issues.push({ path, message, value });
  };
  const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
  check('scopes', undefined, typeof options.scopes === 'function', 'expected a function of the request that gives ids by scope, or null');
  check('maxBodyBytes', maxBodyBytes, isWhole(maxBodyBytes), 'expected a whole number of bytes, 1 or more');
  check('bodyTimeoutMs', bodyTimeoutMs, isWhole(bodyTimeoutMs) && bodyTimeoutMs < 2 ** 31, 'expected a whole number of milliseconds');
  check('maxInputTokens', maxInputTokens, maxInputTokens === undefined || isWhole(maxInputTokens), 'expected a whole number of tokens');
  for (const [place, { name, at }] of offers.entries()) {
    check(`offers.${place}.name`, name, typeof name === 'string' && name !== '' && name !== 'full', 'expected a name that is not "full"');
    check(`offers.${place}.at`, at, typeof at === 'number' && at >= 0 && at <= 1, 'expected a share from 0 to 1');
  }
  if (issues.length > 0) throw new InvalidOptionError('options of httpGate', issues);
  return {
    scopes: options.scopes,
    agent: options.agent,
    maxBodyBytes,
    bodyTimeoutMs,
    maxInputTokens,
    offers: offers.toSorted((a, b) => a.at - b.at),
    inputText: options.inputText ?? ((body) => body),
    model: options.model ?? 'gpt-4o',
    problem: options.problem ?? ((problem) => problem),
    hasFields: rateLimitFields,
  };
}
