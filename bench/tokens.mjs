/**
 * Counting tokens: agreement, throughput, loading, hostile texts, stalls, limits, chats, streams and memory, each as a ratio that is
 * measured side by side. Times are CPU time, of the first pass unless said otherwise.
 *
 *   node --expose-gc bench/tokens.mjs [--novel FILE] [--fuzz COUNT] [--runs COUNT] [SECTION …]
 *
 * Sections: agreement throughput loading hostile stalls limits chats streams blobs kept. Without FILE the novel is made-up prose.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { load, measured, median } from './tokens/libraries.mjs';
import { fuzzTexts, hostileTexts, madeUpWarmUp, novel, ordinaryTexts, randomFrom } from './tokens/texts.mjs';

const { values, positionals } = parseArgs({
  options: { novel: { type: 'string' }, fuzz: { type: 'string', default: '100000' }, runs: { type: 'string', default: '3' } },
  allowPositionals: true,
});
const runs = Number(values.runs);
const prose = novel(values.novel);
const { countNow, countLater, isWithinBounds } = await load('tokens/count.js');
const count = (text) => countNow(text, 'o200k_base');
const peers = ['js-tiktoken', 'tiktoken', 'gpt-tokenizer', 'ai-tokenizer'];

const worker = (what, library) => {
  const file = path.join(import.meta.dirname, 'tokens', 'worker.mjs');
  const args = ['--expose-gc', file, what, library, ...(values.novel === undefined ? [] : [values.novel])];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8 }));
};
/** The results of several runs, the libraries taking turns: they meet the same neighbours on the machine. */
function inTurns(what, names) {
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let run = 0; run < runs; run++) for (const name of names) results[name].push(worker(what, name));
  return results;
}
const fixed = (value, digits = 1) => value.toFixed(digits);
const line = (...cells) =>
  console.log(cells.map((cell, at) => String(cell)[at === 0 ? 'padEnd' : 'padStart'](at === 0 ? 26 : 15)).join(''));
/** Chats, each counted in every way: one alone tells more of the neighbours on the machine than of the counting. */
const CHAT_ROUNDS = 7;
const warmUp = () => madeUpWarmUp().forEach(count);

const sections = {
  async agreement() {
    const { Tiktoken } = await import('js-tiktoken/lite');
    for (const encoding of ['o200k_base', 'cl100k_base']) {
      const oracle = new Tiktoken((await import(`js-tiktoken/ranks/${encoding}`)).default);
      const differs = (text) => countNow(text, encoding) !== oracle.encode(text, [], []).length;
      let wrong = 0;
      for (const text of fuzzTexts(Number(values.fuzz), 7)) if (differs(text)) wrong++;
      line(encoding, `${values.fuzz} fuzzed`, `${wrong} differ`);
      const texts = Object.entries(ordinaryTexts(prose));
      const different = texts.filter(([, text]) => differs(text)).map(([name]) => name);
      line(encoding, `${texts.length} texts`, `${different.length} differ`, different.join(', '));
    }
  },

  throughput() {
    const names = ['holdfast', 'tiktoken', 'gpt-tokenizer', 'ai-tokenizer'];
    const results = inTurns('throughput', names);
    line('MB/s, first (again)', ...names, 'x best JS peer', 'x tiktoken');
    for (const [name, { bytes }] of Object.entries(results.holdfast[0])) {
      const speed = (library, pass) => median(results[library].map((rows) => bytes / 1000 / rows[name][pass]));
      const first = Object.fromEntries(names.map((library) => [library, speed(library, 'firstMs')]));
      const cells = names.map((library) => `${fixed(first[library])} (${fixed(speed(library, 'againMs'))})`);
      const best = Math.max(first['gpt-tokenizer'], first['ai-tokenizer']);
      line(name, ...cells, fixed(first.holdfast / best, 2), fixed(first.holdfast / first.tiktoken, 2));
    }
  },

  loading() {
    const results = inTurns('load', ['holdfast', ...peers]);
    const of = (name, key) => median(results[name].map((result) => result[key]));
    line('o200k_base', 'CPU ms', 'RSS MB', 'held MB', 'js-tiktoken / it');
    for (const name of Object.keys(results)) {
      const ratio = ['cpuMs', 'rssMb', 'heldMb'].map((key) => fixed(of('js-tiktoken', key) / of(name, key))).join(' ');
      line(name, fixed(of(name, 'cpuMs')), fixed(of(name, 'rssMb')), fixed(of(name, 'heldMb')), ratio);
    }
  },

  hostile() {
    // In processes of their own: after the other sections no prose would be cold any more.
    const results = inTurns('hostile', ['holdfast']).holdfast;
    const of = (choose) => median(results.map(choose));
    line('1 MB of', 'first, ms', 'x cold prose', 'x warm prose', '1 MB / 0.5 MB');
    line('prose', fixed(of(({ cold }) => cold)), '1.0', fixed(of(({ cold, warm }) => cold / warm)));
    for (const name of Object.keys(results[0].rows)) {
      const first = of(({ rows }) => rows[name].first);
      const times = (prose) => fixed(of((result) => result.rows[name].first / result[prose]));
      line(
        name,
        fixed(first),
        times('cold'),
        times('warm'),
        fixed(
          of(({ rows }) => rows[name].doubled),
          2,
        ),
      );
    }
  },

  async stalls() {
    const longest = async (text) => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await new Promise((resolve) => setTimeout(resolve, 20));
      delay.reset();
      const began = performance.now();
      await countLater(text, 'o200k_base');
      const wallMs = performance.now() - began;
      await new Promise((resolve) => setTimeout(resolve, 5));
      delay.disable();
      return { stall: delay.max / 1e6, wallMs };
    };
    /** What the machine itself does to a loop that has nothing to do: the other rows cannot be better than this one. */
    const idle = async () => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      const stalls = [];
      for (let run = 0; run < 5; run++) {
        delay.enable();
        delay.reset();
        const until = performance.now() + 200;
        while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
        delay.disable();
        stalls.push(delay.max / 1e6);
      }
      return [stalls[0], median(stalls), Math.max(...stalls)].map((stall) => fixed(stall));
    };
    const { createTextCount } = await load('tokens/text-count.js');
    const { encoderFor } = await load('tokens/encodings.js');
    const longestStep = (text) => {
      const steps = createTextCount(encoderFor('o200k_base'), text);
      let longestMs = 0;
      for (let isMore = true; isMore;) {
        const { ms, result } = measured(() => steps.step());
        longestMs = Math.max(longestMs, ms);
        isMore = result;
      }
      return longestMs;
    };
    line('longest stall, ms', 'first', 'median of 5', 'worst of 5', 'wall ms', 'step, CPU ms');
    const cold = await longest(prose);
    line('(no work, 200 ms)', ...(await idle()));
    for (const [name, text] of [
      ['the novel', prose],
      ...Object.entries(hostileTexts(1_000_000)).map(([name, text]) => [`1 MB, ${name}`, text]),
    ]) {
      const first = name === 'the novel' ? cold : await longest(text);
      const again = [];
      for (let run = 0; run < 5; run++) again.push(await longest(text));
      line(
        name,
        fixed(first.stall),
        fixed(median(again.map(({ stall }) => stall))),
        fixed(Math.max(...again.map(({ stall }) => stall))),
        fixed(median(again.map(({ wallMs }) => wallMs))),
        fixed(median([longestStep(text), longestStep(text), longestStep(text)])),
      );
    }
    const inline = measured(() => count(prose)).ms;
    line('the novel, at once', fixed(inline));
  },

  limits() {
    warmUp();
    const whole = median(Array.from({ length: 5 }, () => measured(() => count(prose)).ms));
    const many = (work) =>
      measured(() => {
        for (let round = 0; round < 200; round++) work();
      }).ms / 200;
    const counted = many(() => countNow(prose, 'o200k_base', 30_000));
    const bounded = many(() => isWithinBounds(prose, 8_000));
    line('the novel, whole', `${fixed(whole)} ms`);
    line('stopped at 30,000', `${fixed(counted, 3)} ms`, `1/${fixed(whole / counted, 0)}`);
    line('refused at 8,000', `${fixed(bounded, 5)} ms`, `1/${fixed(whole / bounded, 0)}`);
    const short = many(() => {
      for (let round = 0; round < 1000; round++) isWithinBounds('is this under a million?', 1_000_000);
    });
    line('short text, a million', `${fixed(short * 1000, 1)} ns`);
    const sentence = 'The guard counts before the call and reads the bill after it, every time, ok.';
    const small = many(() => {
      for (let round = 0; round < 1000; round++) count(sentence);
    });
    line(`${sentence.length} characters`, `${fixed(small, 3)} us`);
  },

  async chats() {
    const { createMeter } = await load('create-meter.js');
    const chatFrom = (text, seed) => {
      const random = randomFrom(seed);
      return Array.from({ length: 400 }, (_, index) => {
        const from = Math.floor(random() * (text.length - 20_000));
        const isUser = index % 2 === 0;
        return { role: isUser ? 'user' : 'assistant', text: text.slice(from, from + (isUser ? 500 : 4_500)), ref: {} };
      });
    };
    const clock = median(Array.from({ length: 400 }, () => measured(() => {}).ms));
    /** CPU milliseconds of counting 200 turns, each as the host hands it over. */
    const turns = async (messages, view) => {
      const meter = createMeter();
      let spent = 0;
      for (let turn = 1; turn <= 200; turn++) {
        const call = { kind: 'model', model: 'gpt-4o', messages: messages.slice(0, 2 * turn).map(view) };
        const before = process.cpuUsage();
        await meter.count(call);
        const { user, system } = process.cpuUsage(before);
        spent += (user + system) / 1000 - clock;
      }
      return spent;
    };
    const views = {
      'the same messages': (message) => ({ ...message }),
      'new messages, same texts': ({ role, text }) => ({ role, text }),
      'new messages, new texts': ({ role, text }) => ({ role, text: Buffer.from(text, 'utf16le').toString('utf16le') }),
    };
    warmUp();
    const [warm] = madeUpWarmUp();
    for (const view of Object.values(views)) await turns(chatFrom(warm, 8), view);
    const recounted = (messages) =>
      measured(() => {
        for (let turn = 1; turn <= 200; turn++) for (const { text } of messages.slice(0, 2 * turn)) count(text);
      }).ms;
    const results = { 'every turn from the start': [], ...Object.fromEntries(Object.keys(views).map((name) => [name, []])) };
    for (let round = 0; round < CHAT_ROUNDS; round++) {
      const naive = recounted(chatFrom(prose, 100 * round));
      results['every turn from the start'].push({ ms: naive, times: 1 });
      for (const [index, [name, view]] of Object.entries(views).entries()) {
        // Each way counts a chat of its own, so that no piece of it is fresh in a cache.
        const ms = await turns(chatFrom(prose, 100 * round + index + 1), view);
        results[name].push({ ms, times: naive / ms });
      }
    }
    line(`200 turns, ${CHAT_ROUNDS} chats`, 'ms, median', 'of recounting', 'worst of all');
    for (const [name, each] of Object.entries(results)) {
      const times = each.map((result) => result.times);
      line(name, fixed(median(each.map(({ ms }) => ms))), `1/${fixed(median(times), 0)}`, `1/${fixed(Math.min(...times), 0)}`);
    }
  },

  async streams() {
    const { createStreamedCount } = await load('tokens/streamed-count.js');
    const { countAfter } = await load('tokens/count.js');
    const text = prose.slice(0, 400_000);
    line('delta', 'us a delta', 'counted', 'sum of deltas');
    for (const size of [4, 16, 64]) {
      const once = () => {
        const streamed = createStreamedCount((before, delta) => countAfter(before, delta, 'o200k_base'));
        const { ms } = measured(() => {
          for (let at = 0; at < text.length; at += size) streamed.push(text.slice(at, at + size));
        });
        return { micros: (ms * 1000) / Math.ceil(text.length / size), total: streamed.total() };
      };
      const results = Array.from({ length: 9 }, once);
      let sum = 0;
      for (let at = 0; at < text.length; at += size) sum += count(text.slice(at, at + size));
      const whole = count(text);
      line(
        `${size} characters`,
        fixed(median(results.map(({ micros }) => micros)), 2),
        results[0].total === whole ? 'exactly' : 'WRONG',
        `+${fixed((100 * sum) / whole - 100, 0)} %`,
      );
    }
  },

  blobs() {
    line('ten 200 kB blobs', 'first ms', 'last ms', 'last / first');
    for (const [name, results] of Object.entries(inTurns('blobs', ['holdfast', ...peers.slice(1)]))) {
      const [first, last] = [median(results.map((each) => each[0])), median(results.map((each) => each[9]))];
      line(name, fixed(first), fixed(last), fixed(last / first, 2));
    }
  },

  kept() {
    for (const [name, results] of Object.entries(inTurns('kept', ['holdfast', 'holdfast, calls', ...peers.slice(1)])))
      line(name, `${fixed(median(results))} MB`);
  },
};

const asked = positionals.length > 0 ? positionals : Object.keys(sections);
for (const name of asked) {
  if (sections[name] === undefined) {
    console.error(`There is no section ${name}; there are ${Object.keys(sections).join(', ')}.`);
    process.exitCode = 2;
    continue;
  }
  console.log(`\n${name}`);
  await sections[name]();
}
