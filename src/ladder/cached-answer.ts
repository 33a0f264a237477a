import type { MessageView } from '../core/step.ts';
import { taskOf } from './history.ts';
import { checkFunction } from './rung-options.ts';
import type { Rung } from './rung.ts';
import { textPrint } from './same-call.ts';

/** A cached or precomputed answer to a task; undefined where there is none. */
export type LookUpAnswer = (task: string, about: { readonly messages: readonly MessageView[]; readonly signal: AbortSignal }) => unknown;

/** When the user's own answers are asked for. */
export interface CachedAnswerOptions {
  /** Asks before anything is spent, and not only before refusing. Default false. */
  readonly isFirst?: boolean | undefined;
}

/**
 * The user's own answers, asked with the task before a run would be refused. A lookup that throws or takes too long is as
 * one that finds nothing.
 *
 * @example cachedAnswer((task) => cache.get(task), { isFirst: true })
 */
export function cachedAnswer(lookup: LookUpAnswer, { isFirst = false }: CachedAnswerOptions = {}): Rung {
  checkFunction('cachedAnswer', 'lookup', lookup);
  return {
    name: 'cachedAnswer',
    ...(isFirst ? { at: 0 } : { isTerminal: true, loop: 'halt' as const }),
    async prepare(call, { memory, signal }) {
      const messages = messagesOf(call);
      const task = taskOf(messages);
      if (task === '' || memory.get('asked') === textPrint(task) || (isFirst && hasBegun(messages))) return;
      memory.set('asked', textPrint(task));
      memory.set('answer', await lookup(task, { messages, signal }));
    },
    offer(call, { memory }) {
      const messages = messagesOf(call);
      const output = memory.get('answer');
      if (output === undefined || output === null || memory.get('asked') !== textPrint(taskOf(messages))) return undefined;
      if (isFirst && hasBegun(messages)) return undefined;
      return { kind: 'answer', output, detail: 'answered from the cache' };
    },
  };
}

const messagesOf = (call: Parameters<Rung['offer']>[0]): readonly MessageView[] =>
  call.kind === 'model' ? (call.messages ?? (call.input === undefined ? [] : [{ role: 'user', text: call.input }])) : [];

/** Whether the model has already said something about the task. */
const hasBegun = (messages: readonly MessageView[]): boolean => messages.at(-1)?.role !== 'user';
