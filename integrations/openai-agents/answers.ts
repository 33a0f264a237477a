import { Usage, type protocol } from '@openai/agents';
import type { FallbackAnswer, Run } from 'holdfast';
import type { AnyGuard, Item, ModelResponse, StreamEvent } from './host.ts';

type AssistantMessageItem = protocol.AssistantMessageItem;

const textOf = (output: unknown): string => (typeof output === 'string' ? output : (JSON.stringify(output) ?? ''));

const messageOf = (text: string): AssistantMessageItem => ({
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text }],
});

/** An answer of the guard's as a model's response: no request was made for it. */
export const answered = (output: unknown): ModelResponse => ({ usage: new Usage(), output: [messageOf(textOf(output))] });

/** An answer as the events of a stream; `isBegun` where a response was begun already. */
export function* answerEvents(output: unknown, isBegun = false): Generator<StreamEvent> {
  const text = textOf(output);
  if (!isBegun) yield { type: 'response_started' };
  yield { type: 'output_text_delta', delta: text };
  const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  yield { type: 'response_done', response: { id: 'holdfast', usage, output: [messageOf(text)] } };
}

/** The last answer of a run asks for nothing more, whatever the model says. */
export function withoutCalls<T extends Item>(output: readonly T[]): T[] {
  const isMessage = (item: T): boolean => 'role' in item;
  const kept = output.filter((item) => isMessage(item) || item.type === 'reasoning' || item.type === 'hosted_tool_call');
  return kept.some(isMessage) ? kept : [...kept, messageOf('') as T];
}

const fallbacks = new WeakMap<Run, Promise<FallbackAnswer>>();
const answeredRuns = new WeakSet<Run>();
const refused = new WeakSet<Run>();

/**
 * The fallback's answer to the halt of a run, which is asked for once; undefined where there is none. A run that was stopped
 * because one around it was is answered there.
 */
export async function haltAnswer(guard: AnyGuard, run: Run): Promise<FallbackAnswer> {
  if (!run.halted) return undefined;
  const coming = fallbacks.get(run) ?? guard.answer(run);
  fallbacks.set(run, coming);
  const answer = await coming;
  if (answer) answeredRuns.add(run);
  return answer;
}

/** A tool of a halted run got no real result: whatever the agent makes of that is not its answer. */
export const noteRefusal = (run: Run): void => void refused.add(run);

/** Whether an agent that seems to have ended well has in fact ended with a text of the guard's in place of a tool's. */
export const endedOnRefusal = (run: Run): boolean => run.haltError !== undefined && refused.has(run) && !answeredRuns.has(run);
