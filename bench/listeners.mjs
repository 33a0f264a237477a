// What listening costs: the guarded LangChain agent of bench/langchain.mjs with every listener attached, as CPU time over the
// same agent with none, in turns in one process, once the code is as warm as in a service that has been up for a while; and the
// memory that a burst of events leaves behind.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { createAgent } from 'langchain';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { auditLog, budgetAlerts, createGuard } from '../dist/src/index.js';
import { dashboard } from '../dist/integrations/dashboard/index.js';
import { guardMiddleware } from '../dist/integrations/langchain/index.js';
import { openTelemetry } from '../dist/integrations/opentelemetry/index.js';
import { prometheusMetrics } from '../dist/integrations/prometheus/index.js';

const TURNS = 50;
const rounds = Number(process.env.ROUNDS ?? 60);
// So many runs of each until V8 has done with the guard and the listeners.
const warmUp = Number(process.env.WARM_UP ?? 60);

/** Asks for one tool in each turn and then answers. */
class InstantModel extends BaseChatModel {
  model = 'gpt-4o-mini';

  constructor() {
    super({});
  }

  _llmType() {
    return 'instant';
  }

  bindTools(tools) {
    return this.withConfig({ tools });
  }

  async _generate(messages) {
    const turn = messages.filter((message) => message.getType() === 'ai').length;
    const tool_calls = turn < TURNS ? [{ name: 'look', args: { at: `page ${turn}` }, id: `call_${turn}`, type: 'tool_call' }] : [];
    const content = turn < TURNS ? '' : 'Here is what I found.';
    const usage_metadata = { input_tokens: 200, output_tokens: 30, total_tokens: 230 };
    return { generations: [{ text: content, message: new AIMessage({ content, tool_calls, usage_metadata }) }] };
  }
}

const look = tool(async ({ at }) => `What is to be seen at ${at}: nothing much.`, {
  name: 'look',
  description: 'Looks at a page.',
  schema: z.object({ at: z.string() }),
});

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-listeners-'));
const newGuard = () => createGuard({ budgets: { run: { usd: 10, steps: 500 }, user: { usd: 1_000_000, window: 'day' } } });

const logs = new Map();
/** Each listener, as a function that attaches it and gives the way out. */
const listeners = {
  auditLog(guard) {
    const log = auditLog(path.join(scratch, `${Math.random()}.jsonl`));
    log.follow(guard);
    logs.set(guard, log);
    return () => log.close();
  },
  prometheusMetrics: (guard) => prometheusMetrics(guard, { registry: new Registry(), showIds: ['feature', 'tenant'] }).stop,
  openTelemetry: (guard) => openTelemetry(guard),
  budgetAlerts(guard) {
    const alerts = budgetAlerts(guard, { sinks: [{ name: 'none', send: async () => {} }] });
    return () => alerts.close();
  },
  dashboard(guard) {
    const page = dashboard(guard);
    return () => page.close();
  },
};

const variants = { none: [], ...Object.fromEntries(Object.keys(listeners).map((name) => [name, [name]])), all: Object.keys(listeners) };
const agents = Object.entries(variants).map(([name, names]) => {
  const guard = newGuard();
  const stops = names.map((each) => listeners[each](guard));
  return {
    name,
    guard,
    stops,
    times: [],
    agent: createAgent({ model: new InstantModel(), tools: [look], middleware: [guardMiddleware(guard)] }),
  };
});

async function cpuMs({ agent, guard }) {
  const before = process.cpuUsage();
  const config = { recursionLimit: 1_000, configurable: { user_id: 'u1', feature: 'chat' } };
  await agent.invoke({ messages: [new HumanMessage('Look around.')] }, config);
  // What listeners put off is theirs too: all that waits is worked off, written and waited for.
  guard.later.flush();
  await logs.get(guard)?.flush();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

for (let round = -warmUp; round < rounds; round += 1) {
  // Another order in each round: no variant always comes after the same one.
  for (let place = 0; place < agents.length; place += 1) {
    const each = agents[(place + round + warmUp) % agents.length];
    const spent = await cpuMs(each);
    if (round >= 0) each.times.push(spent);
  }
}

const alone = median(agents[0].times);
/** Each round against the round's own agent without listeners: a machine that others use slows both. */
const ratio = ({ times }) => median(times.map((time, round) => time / agents[0].times[round])).toFixed(3);
console.log(
  `51 model + 50 tool steps, CPU, medians of ${rounds} rounds after ${warmUp} to warm up, each to its own (guarded, no listener: ${alone.toFixed(1)} ms)\n`,
);
for (const each of agents) console.log(`${each.name.padEnd(20)} ${ratio(each)} x no listener`);
console.log(`\nevery listener to none: ${ratio(agents.at(-1))} (goal: 1.05)`);
for (const { stops } of agents) for (const stop of stops) await stop();

// A burst of 100,000 events for a stream that nobody reads, a page, metrics and alerts.
const guard = newGuard();
const stuck = new PassThrough({ highWaterMark: 1 });
const log = auditLog(stuck, { maxPending: 4 * 1024 * 1024 });
log.follow(guard);
const stops = ['prometheusMetrics', 'openTelemetry', 'budgetAlerts', 'dashboard'].map((name) => listeners[name](guard));
let events = 0;
for (const event of ['run:start', 'run:end', 'step:start', 'step:end']) guard.on(event, () => void (events += 1));
const heapMb = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
};
const burst = async (most) => {
  const until = events + most;
  for (;;) {
    if (events >= until) return;
    const run = guard.start({ scopes: { user: `u${events % 5_000}`, session: `s${events}`, feature: `f${events % 300}` } });
    for (let step = 0; step < 20; step += 1)
      await run.step({ kind: 'tool', name: `t${step}`, args: { events } }, async () => ({ output: events + step }));
    await run.end();
  }
};
await burst(50_000);
const [first, before] = [events, heapMb()];
await burst(100_000);
console.log(
  `\nheap after ${first} events: ${before.toFixed(0)} MB; after ${events}: ${heapMb().toFixed(0)} MB; entries lost by the stuck log, and counted: ${log.counts.lost}`,
);
for (const stop of stops) await stop();
stuck.resume();
await log.close();
rmSync(scratch, { recursive: true, force: true });
