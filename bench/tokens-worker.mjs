/** One library in one process: warms up on other text, then counts each class twice. Prints JSON: { class: { bytes, tokens, firstMs, againMs } }. */
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { madeUpWarmUp, novel, ordinaryTexts } from './tokens-texts.mjs';

const [library, novelFile] = process.argv.slice(2);
export const counters = {
  async holdfast() {
    const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
    const { countNow } = await import(pathToFileURL(path.join(built, 'src/meter/tokens/count.js')).href);
    return (text) => countNow(text, 'o200k_base');
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
  async 'js-tiktoken'() {
    const { Tiktoken } = await import('js-tiktoken/lite');
    const encoder = new Tiktoken((await import('js-tiktoken/ranks/o200k_base')).default);
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

if (import.meta.filename === process.argv[1]) {
  const count = await counters[library]();
  for (const text of madeUpWarmUp()) count(text);
  const rows = {};
  for (const [name, text] of Object.entries(ordinaryTexts(novel(novelFile)))) {
    const first = measured(() => count(text));
    const again = measured(() => count(text));
    rows[name] = { bytes: Buffer.byteLength(text), tokens: first.result, firstMs: first.ms, againMs: again.ms };
  }
  console.log(JSON.stringify(rows));
}
