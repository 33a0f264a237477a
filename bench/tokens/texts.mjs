/**
 * The texts that the token bench counts. All of them are made here or read from the packages that are installed anyway; a path to a
 * long novel (plain or .gz) may be given, else prose is made up.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const root = path.join(import.meta.dirname, '..', '..', 'node_modules');

/** A generator of numbers from 0 to 1 that gives the same texts in every run. */
export function randomFrom(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const repeated = (length, make) => {
  const parts = [];
  for (let units = 0; units < length;) {
    const part = make(parts.length);
    parts.push(part);
    units += part.length;
  }
  return parts.join('').slice(0, length);
};

const syllables =
  'an be con de er fa gri ho in ka lo mar ne or pel qui ra sto ti un ver wo ys ze the and that with from which his said'.split(' ');

function madeUpProse(length, random) {
  const pick = (list) => list[Math.floor(random() ** 2 * list.length)];
  const words = Array.from({ length: 6_000 }, () => Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(syllables)).join(''));
  return repeated(length, () => {
    const sentence = Array.from({ length: 6 + Math.floor(random() * 16) }, () => pick(words)).join(' ');
    return `${sentence[0].toUpperCase()}${sentence.slice(1)}${random() < 0.2 ? '?' : '.'}${random() < 0.15 ? '\n\n' : ' '}`;
  });
}

/** The novel at `file`, or prose of the same length. */
export function novel(file) {
  if (file === undefined || !existsSync(file)) return madeUpProse(3_200_000, randomFrom(1));
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** The first of these files that is installed, cut to a megabyte. */
const installed = (...files) => {
  const found = files.map((file) => path.join(root, file)).find((file) => existsSync(file));
  return found && readFileSync(found, 'utf8').slice(0, 1_000_000);
};

const messagesIn = (language) => {
  const file = `@arethetypeswrong/core/node_modules/typescript/lib/${language}/diagnosticMessages.generated.json`;
  const json = installed(file);
  return json && Object.values(JSON.parse(json)).join('\n');
};

/** The classes of ordinary text. A class whose package is not installed is left out. */
export function ordinaryTexts(prose) {
  const random = randomFrom(2);
  const number = (below) => Math.floor(random() * below);
  const names = madeUpProse(4_000, random)
    .split(/\W+/)
    .filter((word) => word.length > 3);
  const name = () => names[number(names.length)];
  const record = (id) => ({
    id,
    name: `${name()} ${name()}`,
    email: `${name()}@example.org`,
    score: number(1e6) / 1e4,
    tags: [name(), name()],
    active: number(2) === 0,
    at: new Date(1.7e12 + number(1e9)).toISOString(),
  });
  const records = Array.from({ length: 5_000 }, (_, id) => record(id));
  const texts = {
    prose: prose.slice(0, 1_000_000),
    code: installed('@arethetypeswrong/core/node_modules/typescript/lib/typescript.js', 'vitest/dist/chunks/cli-api.js'),
    'minified bundle': installed('playwright-core/lib/vite/htmlReport/report.js', 'handlebars/dist/handlebars.min.js'),
    'JSON, one line': JSON.stringify(records),
    'JSON, indented': JSON.stringify(records, null, 2),
    CSV: records.map(({ id, name, email, score, active, at }) => [id, name, email, score, active, at].join(',')).join('\n'),
    Chinese: messagesIn('zh-tw') ?? messagesIn('zh-cn'),
    Japanese: messagesIn('ja'),
    emoji: repeated(
      200_000,
      () =>
        `${name()} ${String.fromCodePoint(0x1f300 + number(0x2ff))}${number(4) === 0 ? '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}' : ''} `,
    ),
    'base64 of random bytes': Buffer.from(Uint8Array.from({ length: 300_000 }, () => number(256))).toString('base64'),
    hex: Buffer.from(Uint8Array.from({ length: 300_000 }, () => number(256))).toString('hex'),
  };
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined));
}

/** The classes of text that make other tokenizers slow, each of about `bytes` bytes of UTF-8. */
export function hostileTexts(bytes) {
  const random = randomFrom(3);
  const from = (first, count, width) => repeated(bytes / width, () => String.fromCodePoint(first + Math.floor(random() * count)));
  return {
    'one letter': 'a'.repeat(bytes),
    dashes: '-'.repeat(bytes),
    spaces: ' '.repeat(bytes),
    'words without spaces': madeUpProse(2 * bytes, random)
      .replaceAll(/[^a-z]/g, '')
      .slice(0, bytes),
    'random letters': from(0x61, 26, 1),
    'Han without punctuation': from(0x4e00, 20_000, 3),
    emoji: from(0x1f300, 0x2ff, 4 / 2),
    'combining marks': from(0x300, 0x60, 2),
  };
}

/** Text of several kinds, unlike the classes that are measured, to warm a process up. */
export function madeUpWarmUp() {
  const random = randomFrom(4);
  const prose = madeUpProse(300_000, random);
  const code = repeated(200_000, (line) => `  const value${line} = compute(${Math.floor(random() * 1e5)}, "x${line}"); // ${line}\n`);
  const han = repeated(20_000, () => String.fromCodePoint(0x4e00 + Math.floor(random() * 3_000)) + (random() < 0.1 ? '，' : ''));
  return [prose, code, JSON.stringify(code.split('\n').map((line, at) => ({ line, at }))), han];
}

/** Different base64 blobs of random bytes. */
export function base64Blobs(count, length) {
  const random = randomFrom(5);
  const bytes = () => Uint8Array.from({ length: (length * 3) / 4 }, () => Math.floor(random() * 256));
  return Array.from({ length: count }, () => Buffer.from(bytes()).toString('base64'));
}

/** Short texts of everything that a pre-tokeniser can stumble over, `count` of them, none above 2 kB. */
export function* fuzzTexts(count, seed) {
  const random = randomFrom(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const alphabets = [
    'abcdefghijklmnopqrstuvwxyz',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    '0123456789٣४',
    ' \t\n\r  \n',
    "'stmdrevlSTMDREVL",
    '.,;:!?/()[]{}<>"-_=+*&^%$#@~`|\\',
    '\u00a0\u2003\u3000\ufeff\u0085\u2028',
    'éüßñçøåÀÉÜǅǈſ',
    '漢字仮名交じり文日本語中文的是了',
    'абвгдежзАБВГЖ',
    'عربيةनमस्तेไทย한국어',
    '\u0301\u0300\u20dd\u093f\u0bcd',
    '😀🇩🇪\u200d𝒜𝟘𐐀𐐨❤️',
    'ʰˀªºᴬ',
  ].map((letters) => Array.from(letters));
  alphabets.push(
    ['\ud83d', '\ude00', '\udfff'],
    ['<|endoftext|>', '\0'],
    ['//', '\n/', '\r\n'],
    [' the', ' of', 'ing', 'tion', ' function', 'return'],
  );
  for (let made = 0; made < count; made++) {
    const chosen = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(alphabets));
    const parts = Array.from({ length: Math.floor(random() ** 2 * 160) }, () =>
      random() < 0.15 ? pick(pick(chosen)).repeat(Math.floor(random() * 6)) : pick(pick(chosen)),
    );
    if (random() < 0.03) parts.push(String.fromCharCode(...Array.from({ length: 40 }, () => Math.floor(random() * 65_536))));
    yield parts.join('').slice(0, 600);
  }
}
