import { GuardError, type DenialFacts, type Halt, type HaltCause } from 'holdfast';

/** Problem details as RFC 9457 has them, with the facts of the guard as extension members. */
export interface Problem {
  /** What kind of problem it is. For a budget: `quota-exceeded` of the IETF's draft on rate limit fields. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One sentence for people; never content. */
  readonly detail: string;
  /** A stable name: the code of the guard's error, or what was wrong with the request. */
  readonly code: string;
  /** Whose budget has no room, and which of its figures. `usd` in dollars, everything else as counts. */
  readonly scope?: string;
  readonly dimension?: string;
  readonly limit?: number;
  readonly used?: number;
  readonly held?: number;
  readonly asked?: number;
  /** When to come back, as an RFC 3339 time; null where waiting does not help. */
  readonly resetsAt?: string | null;
  /** The names under which the `RateLimit-Policy` field lists what was exceeded. */
  readonly 'violated-policies'?: readonly string[];
  /** The run that was stopped. */
  readonly run?: string;
}

/** An answer that is given in place of the handler's: status, headers and problem details. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

/**
 * A request that cannot be taken as it is: too large, too slow, undecodable. `status`, `headers` and `message` say what to
 * answer; `code` is stable, such as `body_too_large`.
 */
export class RefusedRequestError extends GuardError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** How soon a client may try again where a store does not answer, in seconds. */
const STORE_RETRY_S = 5;

/** A refusal with nothing but a status, a name and a sentence. */
export function plainRefusal(status: number, title: string, code: string, detail: string, headers: Refusal['headers'] = {}): Refusal {
  return { status, headers: { 'cache-control': 'no-store', ...headers }, problem: { type: 'about:blank', title, status, detail, code } };
}

/** The name of an account's dimension among the policies. */
export const policyName = (scope: string, dimension: string): string => `${scope}-${dimension}`;

/** What is answered where a budget has no room. */
export function budgetRefusal(denial: DenialFacts, now: number, detail = denialText(denial)): Refusal {
  const { scope, dimension, limit, used, held, asked, resetsAt } = denial;
  return {
    status: 429,
    headers: { 'cache-control': 'no-store', ...retryAfter(resetsAt, now) },
    problem: {
      type: QUOTA_EXCEEDED,
      title: 'The budget has no room for this request',
      status: 429,
      detail,
      code: 'budget_exceeded',
      scope,
      dimension,
      limit,
      used,
      held,
      asked,
      resetsAt: resetsAt === null ? null : new Date(resetsAt).toISOString(),
      'violated-policies': [policyName(scope, dimension)],
    },
  };
}

/** Whole seconds, rounded up: who comes back then is not too early. */
function retryAfter(resetsAt: number | null, now: number): Record<string, string> {
  return resetsAt === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil((resetsAt - now) / 1000))) };
}

const denialText = ({ scope, dimension, limit, used, held }: DenialFacts): string =>
  `${scope} budget has no room: ${dimension} ${used} used${held > 0 ? ` and ${held} held` : ''} of ${limit}`;

const titles: Readonly<Record<HaltCause, readonly [status: number, title: string]>> = {
  budget: [429, 'The budget has no room for this request'],
  deadline: [429, 'The run took longer than it may'],
  loop: [429, 'The run went in circles'],
  person: [429, 'The run was stopped by a person'],
  input: [413, 'The input is too large'],
  store: [503, 'The budget could not be checked'],
  price: [500, 'The model has no price'],
};

/**
 * What is answered where a run was halted before its response began.
 *
 * @example const refusal = haltRefusal(error.halt, error.code, Date.now()); // { status: 429, headers: { 'retry-after': '3600' }, problem: { … } }
 */
export function haltRefusal(halt: Halt, code: string, now: number): Refusal {
  const [status, title] = titles[halt.cause];
  if (halt.denial && halt.cause === 'budget') {
    const refusal = budgetRefusal(halt.denial, now, halt.reason);
    return { ...refusal, problem: { ...refusal.problem, run: halt.runId } };
  }
  const refusal = plainRefusal(status, title, code, halt.reason, halt.cause === 'store' ? { 'retry-after': String(STORE_RETRY_S) } : {});
  return { ...refusal, problem: { ...refusal.problem, run: halt.runId } };
}
