/** One measurement of one library in a process of its own; prints JSON. `node worker.mjs <what> <library> [novel]` */
import { libraries, measured, median } from './libraries.mjs';
import { base64Blobs, hostileTexts, madeUpWarmUp, novel, ordinaryTexts } from './texts.mjs';

const [what, library, novelFile] = process.argv.slice(2);

const measurements = {
  /** What loading the tables costs. */
  async load() {
    globalThis.gc();
    const [memory, cpu, began] = [process.memoryUsage(), process.cpuUsage(), performance.now()];
    globalThis.kept = await libraries[library]();
    const { user, system } = process.cpuUsage(cpu);
    const wallMs = performance.now() - began;
    globalThis.gc();
    const now = process.memoryUsage();
    const held = ({ heapUsed, external }) => (heapUsed + external) / 1e6;
    return { wallMs, cpuMs: (user + system) / 1000, heldMb: held(now) - held(memory), rssMb: (now.rss - memory.rss) / 1e6 };
  },

  /** Each class of ordinary text, counted for the first time and again, after other texts have warmed the process up. */
  async throughput() {
    const count = await libraries[library]();
    // Often enough that the engine has compiled it all: a compilation takes ten milliseconds, of whichever text is next.
    for (let round = 0; round < 12; round++) for (const text of madeUpWarmUp()) count(text);
    const rows = {};
    for (const [name, text] of Object.entries(ordinaryTexts(novel(novelFile)))) {
      const first = measured(() => count(text));
      const again = measured(() => count(text));
      rows[name] = { bytes: Buffer.byteLength(text), tokens: first.result, firstMs: first.ms, againMs: again.ms };
    }
    return rows;
  },

  /** Hostile megabytes beside one of prose that is counted for the first time and again; and what twice the length costs. */
  async hostile() {
    const count = await libraries[library]();
    for (const text of madeUpWarmUp()) count(text);
    const text = novel(novelFile).slice(0, 1_000_000);
    const cold = measured(() => count(text)).ms;
    const warm = median(Array.from({ length: 5 }, () => measured(() => count(text)).ms));
    const best = (hostile) => Math.min(...Array.from({ length: 3 }, () => measured(() => count(hostile)).ms));
    const half = hostileTexts(500_000);
    const rows = {};
    for (const [name, hostile] of Object.entries(hostileTexts(1_000_000))) {
      const first = measured(() => count(hostile)).ms;
      rows[name] = { first, doubled: best(hostile) / best(half[name]) };
    }
    return { cold, warm, rows };
  },

  /** Ten different blobs in a row, after one more that warms the process up. */
  async blobs() {
    const count = await libraries[library]();
    const [warm, ...blobs] = base64Blobs(11, 200_000);
    count(warm);
    return blobs.map((blob) => measured(() => count(blob)).ms);
  },

  /** Heap that is kept after forty different texts of 2 MB have been counted and dropped. */
  async kept() {
    const count = await libraries[library]();
    const prose = novel(novelFile);
    const textFor = (round) => Buffer.from(prose.slice(round * 500, round * 500 + 2_000_000)).toString() + round;
    await count(textFor(0));
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    for (let round = 1; round <= 40; round++) await count(textFor(round));
    globalThis.gc();
    return (process.memoryUsage().heapUsed - before) / 1e6;
  },
};

console.log(JSON.stringify(await measurements[what]()));
