import { findHaltError, InvalidOptionError } from 'holdfast';
import { haltRefusal, RefusedRequestError } from 'holdfast/http';
import type { Answer } from './respond.ts';
import { UpstreamError } from './upstream.ts';

/** An answer of the proxy's own, thrown from wherever it is found out. */
class AnswerError extends Error {
  readonly answer: Answer;
  constructor(given: Answer) {
    super(given.message);
    this.answer = given;
  }
}

export const refuse = (status: number, message: string, more: Omit<Answer, 'status' | 'message'> = {}): never => {
  throw new AnswerError({ status, message, ...more });
};

/** What a client is told of an error. Nothing of the upstream's address or key is in it. */
export function answerFor(error: unknown): Answer {
  if (error instanceof AnswerError) return error.answer;
  if (error instanceof RefusedRequestError) {
    return { status: error.status, message: error.message, code: error.code, headers: error.headers };
  }
  const halt = findHaltError(error);
  if (halt) {
    const { status, headers } = haltRefusal(halt.halt, halt.code, Date.now());
    return { status, message: halt.message, code: halt.code, headers };
  }
  if (error instanceof UpstreamError) return { status: error.answer, message: error.message, code: 'upstream_failed' };
  if (error instanceof InvalidOptionError) return { status: 400, message: error.message, code: error.code };
  return { status: 502, message: 'the call could not be made', code: 'proxy_failed' };
}
