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

/** The texts of late and their prints: in each turn of an agent they are the same again. */
const recent = new Map<string, string>();
const RECENT_MAX = 64;
/** Longer texts are not kept for this. */
const RECENT_LENGTH_MAX = 16 * 1024;

function print(text: string): string {
  if (text === '') return '';
  const known = recent.get(text);
  if (known !== undefined) return known;
  const made = hashed(text);
  if (text.length <= RECENT_LENGTH_MAX) {
    if (recent.size >= RECENT_MAX) recent.clear();
    recent.set(text, made);
  }
  return made;
}

/** 60 bits: enough to tell a million questions apart. */
const hashed = (text: string): string =>
  createHash('sha1').update(`${text.length}:`).update(text.slice(0, HASHED_MAX)).digest('base64url').slice(0, 10);
