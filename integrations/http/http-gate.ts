import type { IncomingMessage, ServerResponse } from 'node:http';
import { nodeGate, type Next } from './node-gate.ts';
import { gateSettings, type Admission, type GatedGuard, type HttpGateOptions } from './options.ts';
import { webGate, type WebHandler } from './web-gate.ts';

/** A gate in front of an endpoint, in the two shapes that servers have. */
export interface HttpGate {
  /**
   * Wraps a handler of web requests: Hono, Next route handlers, anything that is `Request` to `Response`.
   *
   * @example export const POST = gate.web(async (request, { run, offer }) => Response.json(await answer(request, offer, run.signal)));
   */
  web<Rest extends unknown[]>(handler: WebHandler<Rest>): (request: Request, ...rest: Rest) => Promise<Response>;
  /**
   * A middleware for Express, Fastify's compatibility layer and `node:http`. The body can still be read after it.
   * Where the gate cannot judge (your `scopes` throws, an id is missing that the guard requires), a `next` that takes an
   * error is given it, as Express has it; one that takes none is not called, and the promise rejects.
   *
   * @example app.use('/chat', gate.node, express.json(), handler);
   */
  node(request: IncomingMessage, response: ServerResponse, next: Next): Promise<void>;
  /**
   * The error handler that goes with `node` in a chain of middleware: answers the halt of a run, passes on all else.
   *
   * @example app.use(gate.onError);
   */
  onError(error: unknown, request: IncomingMessage, response: ServerResponse, next: Next): void;
  /** What the gate found out about a request that it let in; undefined for others. */
  admission(request: object): Admission | undefined;
}

/**
 * The gate in front of an AI endpoint: who asks, how much is it, may it pass. A request that may not is answered with 429,
 * `Retry-After` and problem details, or is offered to the handler in a cheaper way. One that may is served within a run, so
 * that the agent inside draws on the same budgets; the run ends when the response has been sent, and its signal aborts when
 * the client leaves.
 *
 * @throws InvalidOptionError that names every option that cannot be used
 * @example
 * const gate = httpGate(guard, {
 *   scopes: (request) => ({ user: request.header('x-user'), feature: 'chat' }),
 *   maxInputTokens: 8_000,
 *   offers: [{ name: 'cheaper', at: 0.8 }, { name: 'cached', at: 1 }],
 * });
 */
export function httpGate(guard: GatedGuard, options: HttpGateOptions): HttpGate {
  const settings = gateSettings(options);
  const admissions = new WeakMap<object, Admission>();
  const remember = (request: object, admission: Admission): void => void admissions.set(request, admission);
  const node = nodeGate(guard, settings, remember);
  return {
    web: webGate(guard, settings, remember),
    async node(request, response, next) {
      let hasPassed = false;
      const once: Next = (error) => {
        hasPassed = true;
        return next(error);
      };
      try {
        await node.pass(request, response, once);
      } catch (error) {
        // What a handler of one's own throws is the caller's; what the gate could not do is told as Express tells it.
        // So is an error that nobody who comes next would look at: a handler that took none would serve without a guard.
        if (hasPassed || next.length === 0) throw error;
        await next(error);
      }
    },
    onError: node.onError,
    admission: (request) => admissions.get(request),
  };
}
