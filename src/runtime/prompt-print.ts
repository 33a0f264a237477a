import { createHash } from 'node:crypto';
import type { Call } from '../core/step.ts';
import type { PromptPrint } from './events.ts';

/** More of a text is not hashed: beside its size, its beginning tells it from others. */
const HASHED_MAX = 64 * 1024;

/** What a model call asks and what stands above it, as hashes and sizes; undefined for tools and for calls without text. */
export function promptPrint(call: Call): PromptPrint | undefined {
  if (call.kind === 'tool') return undefined;
  const { messages = [], input } = call;
  const question = messages.findLast(({ role }) => role === 'user')?.text ?? input;
  if (question === undefined) return undefined;
  const instructions = messages[0]?.role === 'system' ? messages[0].text : '';
  return {
    question: print(question),
    questionSize: question.length,
    instructions: print(instructions),
    instructionsSize: instructions.length,
  };
}

/** 60 bits: enough to tell a million questions apart. */
const print = (text: string): string =>
  text === '' ? '' : createHash('sha1').update(`${text.length}:`).update(text.slice(0, HASHED_MAX)).digest('base64url').slice(0, 10);
