// What `holdfast proxy` costs: its throughput as a share of that of a bare Node reverse proxy between the same client and the same
// upstream, in turns in one run, and the median latency that each adds to asking the upstream itself.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import autocannon from 'autocannon';

const here = import.meta.dirname;
const rounds = Number(process.env.ROUNDS ?? 4);
const seconds = Number(process.env.SECONDS ?? 3);
const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-proxy-bench-'));

const started = [];

/** Starts a server in a process of its own; gives its address. */
async function start(file, args, options = {}) {
  const child = fork(file, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], ...options });
  started.push(child);
  const [line] = await once(child.stdout, 'data');
  return JSON.parse(String(line)).url;
}

const upstream = await start(path.join(here, 'support', 'proxy-servers.mjs'), ['upstream']);
const bare = await start(path.join(here, 'support', 'proxy-servers.mjs'), ['bare', upstream]);
const config = path.join(scratch, 'holdfast.json');
writeFileSync(
  config,
  JSON.stringify({
    budgets: { run: { usd: 10, steps: 250 }, user: { usd: 1e6, window: 'day' } },
    keys: [{ name: 'bench', key: 'hf-the-key-of-the-bench' }],
  }),
);
const command = path.join(here, '..', 'dist', 'integrations', 'cli', 'main.js');
const guarded = await start(command, ['proxy', '--upstream', upstream, '--config', config, '--port', '0', '--json']);

/** Words as they come, so that counting them is no easier than it is. */
function words(bytes) {
  let text = '';
  let state = 1;
  while (text.length < bytes) {
    state = (state * 48_271) % 2_147_483_647;
    text += `${state.toString(36)} rain in the ${['morning', 'afternoon', 'evening', 'night'][state % 4]}, `;
  }
  return text.slice(0, bytes);
}

const bodyOf = (bytes, stream) =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    max_tokens: 1_000,
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content: words(bytes) },
    ],
  });

const cases = [
  { name: '2 kB, answer at once', body: bodyOf(2_000, false), connections: 16, goal: 0.5 },
  { name: '2 kB, stream of 200 chunks', body: bodyOf(2_000, true), connections: 16, goal: 0.5 },
  { name: '100 kB, answer at once', body: bodyOf(100_000, false), connections: 16 },
  { name: '100 kB, stream of 200 chunks', body: bodyOf(100_000, true), connections: 16 },
];
const ways = { direct: upstream, bare, guarded };

/** So many requests first: until then a process compiles its code and loads its tables. */
const WARM_UP = 400;

async function load(url, { body, connections }, length) {
  const result = await autocannon({
    url: `${url}/v1/chat/completions`,
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: 'Bearer hf-the-key-of-the-bench' },
    connections,
    ...length,
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refusals and ${result.errors} errors from ${url}`);
  return { perSecond: result.requests.total / result.duration, p50: result.latency.p50 };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  console.log(`medians of ${rounds} rounds of ${seconds} s, 16 connections; every process on the same machine\n`);
  for (const one of cases) {
    const seen = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    for (const url of Object.values(ways)) await load(url, one, { amount: WARM_UP });
    for (let round = 0; round < rounds; round += 1)
      for (const [name, url] of Object.entries(ways)) seen[name].push(await load(url, one, { duration: seconds }));
    const perSecond = (name) => median(seen[name].map((each) => each.perSecond));
    // One request at a time: what a lone client waits.
    const alone = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    for (let round = 0; round < rounds; round += 1)
      for (const [name, url] of Object.entries(ways))
        alone[name].push((await load(url, { ...one, connections: 1 }, { duration: 1 })).perSecond);
    const waitMs = (name) => 1_000 / median(alone[name]);
    const ratio = perSecond('guarded') / perSecond('bare');
    console.log(
      `${one.name.padEnd(30)} throughput ${ratio.toFixed(2)} of the bare proxy's${one.goal ? ` (goal: ${one.goal})` : ''}; ` +
        `adds ${(waitMs('guarded') - waitMs('direct')).toFixed(2)} ms to a lone call, the bare one ${(waitMs('bare') - waitMs('direct')).toFixed(2)} ms`,
    );
  }
} finally {
  for (const child of started) child.kill();
  rmSync(scratch, { recursive: true, force: true });
}
