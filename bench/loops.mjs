// What the loop detectors cost, and what each of them adds.
//   node bench/loops.mjs [--traces RUNS.jsonl[.gz] --labels LABELS.jsonl]
// Needs the build (npm run build). Ratios are medians, measured side by side in one run.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const load = (file) => import(pathToFileURL(path.join(built, file)).href);
const { createLoopJudge } = await load('src/loops/judge.js');
const { detectorNames } = await load('src/loops/detector-names.js');
const { loopCases, playLoopCase } = await load('src/testing/loop-cases.js');
const { readTrace } = await load('integrations/cli/replay/formats/trace.js');
const { replayRun } = await load('integrations/cli/replay/replay-run.js');

const { values: options } = parseArgs({ options: { traces: { type: 'string' }, labels: { type: 'string' } } });
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const cpuMicroseconds = (work) => {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user;
};

// ---- cost of a step, at 1 kB of arguments and 4 kB of result
const STEPS = 2000;
const word = (value) => {
  let text = '';
  for (let rest = value + 26; rest > 0; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26));
  return text;
};
const text = (seed, length) => {
  const parts = [];
  for (let index = 0, size = 0; size < length; index++) {
    parts.push(`${word(seed * 131 + index * 7919)}${index % 9 === 0 ? ` ${(seed * index) % 1000}\n` : ' '}`);
    size += parts.at(-1).length;
  }
  return Buffer.from(parts.join('').slice(0, length)).toString();
};
const steps = Array.from({ length: STEPS }, (_, index) => ({
  runId: 'run',
  index,
  round: index,
  kind: 'tool',
  name: 'read_file',
  args: { path: `src/${word(index)}.ts`, from: index, query: text(index, 900) },
  output: text(index + 5000, 4000),
  tokens: 1,
  nanoUsd: 1,
  startedAt: index * 1000,
  endedAt: index * 1000 + 500,
}));
const naive = () => {
  let last = '';
  let count = 0;
  for (const { name, args } of steps) {
    const call = `${name} ${JSON.stringify(args)}`;
    count = call === last ? count + 1 : 1;
    last = call;
  }
  return count;
};
const hashing = () => {
  for (const { args, output } of steps) {
    JSON.stringify(args);
    createHash('sha256').update(output).digest('hex');
  }
};
const judging = () => {
  const judge = createLoopJudge();
  for (const step of steps) judge.observe(step);
};
const rounds = Array.from({ length: 11 }, () => [naive, hashing, judging].map((work) => cpuMicroseconds(work) / STEPS));
const [naiveCost, hashingCost, judgingCost] = [0, 1, 2].map((column) => median(rounds.map((round) => round[column])));
console.log('Cost of a step (1 kB arguments, 4 kB result), CPU:');
console.log(`  consecutive-call counter           ${naiveCost.toFixed(1)} µs`);
console.log(`  JSON.stringify(args) + sha256      ${hashingCost.toFixed(1)} µs`);
console.log(
  `  the judge                          ${judgingCost.toFixed(1)} µs = ${median(rounds.map((round) => round[2] / round[1])).toFixed(1)} × hashing`,
);

// ---- flat from step 10 to step 100,000
const long = createLoopJudge();
const windows = new Map([
  [10, 0],
  [1000, 0],
  [10_000, 0],
  [100_000, 0],
]);
for (let index = 0; index < 101_000; index++) {
  const at = [...windows.keys()].find((start) => index >= start && index < start + 1000);
  const step = { ...steps[index % STEPS], index, round: index, args: { path: index } };
  const cost = cpuMicroseconds(() => long.observe(step));
  if (at !== undefined) windows.set(at, windows.get(at) + cost);
}
const [first] = windows.values();
console.log(
  `  from step 10, 1,000, 10,000, 100,000: ${[...windows.values()].map((sum) => (sum / first).toFixed(2)).join(', ')} × the first`,
);
console.log(`  state saved after 101,000 steps: ${Math.ceil(JSON.stringify(long.save()).length / 1024)} kB\n`);

// ---- memory of a live run
if (typeof globalThis.gc === 'function') {
  const RUNS = 20;
  const heap = () => {
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = heap();
  const judges = Array.from({ length: RUNS }, (_, run) => {
    const judge = createLoopJudge();
    for (const step of steps) judge.observe({ ...step, args: { path: `${run}-${step.index}` }, isError: step.index % 7 === 0 });
    return judge;
  });
  console.log(`Memory of a run after ${STEPS} steps: ${Math.round((heap() - before) / judges.length / 1024)} kB\n`);
}

// ---- what each detector adds
const settings = [
  ['all', []],
  ...detectorNames.map((name) => [`without ${name}`, [name]]),
  ...detectorNames.map((name) => [`only ${name}`, detectorNames.filter((other) => other !== name)]),
];
const kit = (without) => {
  let noticed = 0;
  let stopped = 0;
  for (const loopCase of loopCases) {
    const verdicts = playLoopCase(loopCase, createLoopJudge({ loops: { without }, tools: loopCase.tools ?? {} }));
    if (loopCase.isLoop && verdicts.length > 0) noticed++;
    if (!loopCase.isLoop && verdicts.some(({ level }) => level === 'halt')) stopped++;
  }
  return [noticed, stopped];
};
const loops = loopCases.filter(({ isLoop }) => isLoop).length;

async function recordedRuns() {
  if (options.traces === undefined || options.labels === undefined) return [];
  const labels = new Map(
    readFileSync(options.labels, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map((label) => [label.id, label]),
  );
  const input = createReadStream(options.traces);
  const runs = [];
  for await (const line of createInterface({ input: options.traces.endsWith('.gz') ? input.pipe(createGunzip()) : input })) {
    const run = line.trim() === '' ? undefined : readTrace(JSON.parse(line), '');
    const label = run && labels.get(run.id);
    if (label !== undefined) runs.push({ run, label });
  }
  return runs;
}
const recorded = await recordedRuns();
const onRecorded = (without) => {
  const sums = { noticed: 0, loops: 0, halted: 0, major: 0, early: 0, futile: 0, spent: 0, falseHalts: 0, falseWarnings: 0, calm: 0 };
  for (const { run, label } of recorded) {
    const { verdicts } = replayRun(run, { loops: { loops: { without } }, limits: {} });
    const halt = Math.min(...verdicts.filter(({ level }) => level === 'halt').map(({ step }) => step));
    if (label.label === 'no-loop') {
      sums.calm++;
      if (halt < Infinity) sums.falseHalts++;
      if (verdicts.length > 0) sums.falseWarnings++;
    } else if (label.label === 'loop' && label.severity !== 'marginal') {
      sums.loops++;
      if (verdicts.some(({ step }) => step >= label.loopStart - 3 && step <= label.loopEnd)) sums.noticed++;
      if (halt < label.loopStart - 2) sums.early++;
      if (label.severity !== 'major') continue;
      const isHalted = halt >= label.loopStart - 2 && halt <= label.loopEnd;
      const size = label.loopEnd - label.loopStart + 1;
      sums.major++;
      sums.halted += isHalted ? 1 : 0;
      sums.futile += size;
      sums.spent += isHalted ? Math.max(0, halt - label.loopStart) : size;
    }
  }
  return sums;
};
console.log('What each detector adds (standard):');
console.log(
  `  ${''.padEnd(24)} scripted loops noticed, honest work stopped${recorded.length === 0 ? '' : ' | recorded: noticed, major halted, futile steps saved, false halts, false warnings, too early'}`,
);
for (const [name, without] of settings) {
  const [noticed, stopped] = kit(without);
  const scripted = `${noticed}/${loops}, ${stopped}`;
  if (recorded.length === 0) {
    console.log(`  ${name.padEnd(24)} ${scripted}`);
    continue;
  }
  const r = onRecorded(without);
  console.log(
    `  ${name.padEnd(24)} ${scripted.padEnd(12)} | ${r.noticed}/${r.loops}, ${r.halted}/${r.major}, ${Math.round((1 - r.spent / r.futile) * 100)} %, ${r.falseHalts}/${r.calm}, ${r.falseWarnings}/${r.calm}, ${r.early}`,
  );
}
