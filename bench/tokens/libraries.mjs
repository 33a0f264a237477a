/** The tokenizers that are compared, each loaded by the call, each as a function from a text to its o200k_base tokens. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', '..', 'dist');

/** Imports a module of the built package. */
export const load = (file) => import(pathToFileURL(path.join(built, 'src', 'meter', file)).href);

export const libraries = {
  async holdfast() {
    const { countNow } = await load('tokens/count.js');
    countNow('load', 'o200k_base');
    return (text) => countNow(text, 'o200k_base');
  },
  /** A call with one message, as the guard counts it: with the memory that knows a history again. */
  async 'holdfast, calls'() {
    const { createMeter } = await load('create-meter.js');
    const meter = createMeter();
    return async (text) => (await meter.count({ kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text }] })).counted;
  },
  async 'js-tiktoken'() {
    const { Tiktoken } = await import('js-tiktoken/lite');
    const encoder = new Tiktoken((await import('js-tiktoken/ranks/o200k_base')).default);
    return (text) => encoder.encode(text, [], []).length;
  },
  async tiktoken() {
    const encoder = (await import('tiktoken')).get_encoding('o200k_base');
    return (text) => encoder.encode_ordinary(text).length;
  },
  async 'gpt-tokenizer'() {
    const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
    return (text) => countTokens(text, { disallowedSpecial: new Set() });
  },
  async 'ai-tokenizer'() {
    const { Tokenizer } = await import('ai-tokenizer');
    const encoder = new Tokenizer(await import('ai-tokenizer/encoding/o200k_base'));
    return (text) => encoder.encode(text, [], []).length;
  },
};

/** CPU milliseconds of a piece of work, and what it gave. */
export function measured(work) {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, result };
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
