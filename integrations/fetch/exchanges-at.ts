import type { Run } from 'holdfast';
import { protocolFor } from './endpoints.ts';
import { begunIn, given, halted, opened, type Asked, type Exchange } from './exchange.ts';
import type { Json } from './json.ts';
import type { AnyGuard } from './options.ts';
import type { OwnAnswer } from './own-answer.ts';
import { requestKey, retryCount, type HeaderOf } from './retries.ts';
import { ownCall, waitingCalls } from './wire-call.ts';

/** A request to a model as a server has it: its body read, nothing of it sent yet. */
export interface AskedExchange {
  readonly run: Run;
  readonly body: Json;
  /** The body as text, by which the same request is known when its client tries again. */
  readonly text: string;
  /** A header of the request, by its lower-case name. */
  readonly header: HeaderOf;
}

/** Calls of models at one address. */
export interface Exchanges {
  /** Begins a call as a step of its run: it may be made as the exchange says, or the guard gives the answer itself. */
  open(asked: AskedExchange): Promise<Exchange | OwnAnswer>;
}

/**
 * What `guardFetch` does with a call, for a server that passes calls on by other means: on plain data, without web streams,
 * and in a run that it names. Undefined for an address that speaks to no model.
 *
 * @example
 * const opened = await exchangesAt(guard, url)?.open({ run, body, text, header: (name) => request.headers[name] });
 */
export function exchangesAt(guard: AnyGuard, url: URL): Exchanges | undefined {
  const protocol = protocolFor('POST', url);
  if (!protocol) return undefined;
  return {
    async open({ run, body, text, header }) {
      const read = protocol.read(body, url);
      const tries = retryCount(header);
      const key = (): string => requestKey(`run ${run.id}`, url, text);
      const asked: Asked = { protocol, url, body, read, tries, key };
      let call = tries ? waitingCalls(guard).take(key()) : undefined;
      if (!call) {
        try {
          const step = await begunIn(run, read);
          if (step.offer.kind === 'answer') {
            const { output, from } = step.offer;
            await step.end({ output });
            return given(asked, output, from);
          }
          call = ownCall({ run, leave: () => {} }, step, read);
        } catch (error) {
          return halted(guard, asked, run, error);
        }
      }
      return opened(guard, asked, call, true);
    },
  };
}
