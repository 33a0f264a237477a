// What a guard costs a LangChain agent: an agent of 51 model calls and 50 tool calls, with a model that answers at once.
// All variants take turns in one process; the figures are CPU time as ratios to another variant in the same round, medians over the
// rounds. They are taken when V8 has compiled what it will: a service lives long. The first rounds, in which it still compiles,
// are shown beside them.
import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { createAgent, createMiddleware, modelCallLimitMiddleware, toolCallLimitMiddleware } from 'langchain';
import { z } from 'zod';
import { createGuard } from '../dist/src/index.js';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel, guardTools } from '../dist/integrations/langchain/index.js';

const TURNS = 50;
const rounds = Number(process.env.ROUNDS ?? 40);
const warmUp = Number(process.env.WARM_UP ?? 60);
const FIRST = 15;
const usage = { input_tokens: 200, output_tokens: 30, total_tokens: 230 };

/** Asks for one tool in each turn and then answers. */
class InstantModel extends BaseChatModel {
  model = 'gpt-4o-mini';
  calls = 0;

  constructor() {
    super({});
  }

  _llmType() {
    return 'instant';
  }

  getLsParams(options) {
    return { ...super.getLsParams(options), ls_provider: 'openai', ls_model_name: this.model };
  }

  bindTools(tools) {
    return this.withConfig({ tools });
  }

  async _generate(messages) {
    this.calls += 1;
    const turn = messages.filter((message) => message.getType() === 'ai').length;
    const tool_calls = turn < TURNS ? [{ name: 'look', args: { at: `page ${turn}` }, id: `call_${turn}`, type: 'tool_call' }] : [];
    const content = turn < TURNS ? '' : 'Here is what I found.';
    return { generations: [{ text: content, message: new AIMessage({ content, tool_calls, usage_metadata: { ...usage } }) }] };
  }
}

const look = tool(async ({ at }) => `What is to be seen at ${at}: nothing much.`, {
  name: 'look',
  description: 'Looks at a page.',
  schema: z.object({ at: z.string() }),
});

class Idle extends BaseCallbackHandler {
  name = 'idle';
  constructor() {
    super({ raiseError: true });
  }
  async handleChainStart() {}
  async handleChainEnd() {}
  async handleChatModelStart() {}
  async handleLLMEnd() {}
  async handleToolStart() {}
  async handleToolEnd() {}
}

const guard = createGuard({ budgets: { run: { usd: 10, steps: 500 }, session: { tokens: 1_000_000_000 } } });
const passThrough = createMiddleware({
  name: 'PassThrough',
  wrapModelCall: (request, next) => next(request),
  wrapToolCall: (request, next) => next(request),
});
const plain = (middleware = []) => createAgent({ model: new InstantModel(), tools: [look], middleware });
const agents = {
  'agent alone': [plain()],
  'pass-through middleware': [plain([passThrough])],
  guardMiddleware: [plain([guardMiddleware(guard)])],
  'no-op handler, awaited': [plain(), () => ({ callbacks: [new Idle()] })],
  GuardCallbackHandler: [plain(), () => ({ callbacks: [new GuardCallbackHandler(guard)] })],
  'guardAgent (createAgent)': [guardAgent(plain(), guard)],
  'guardAgent, every door at once': [
    guardAgent(
      createAgent({ model: guardModel(new InstantModel(), guard), tools: guardTools([look], guard), middleware: [guardMiddleware(guard)] }),
      guard,
    ),
    () => ({ callbacks: [new GuardCallbackHandler(guard)] }),
  ],
  'modelCallLimit + toolCallLimit': [plain([modelCallLimitMiddleware({ runLimit: 500 }), toolCallLimitMiddleware({ runLimit: 500 })])],
};

const input = () => ({ messages: [new HumanMessage('Look around.')] });

async function cpuMs([agent, config = () => ({})]) {
  const before = process.cpuUsage();
  const { messages } = await agent.invoke(input(), { recursionLimit: 1_000, configurable: { thread_id: 'bench' }, ...config() });
  const { user, system } = process.cpuUsage(before);
  if (messages.length !== 1 + TURNS * 2 + 1) throw new Error(`the agent took ${messages.length} messages`);
  return (user + system) / 1000;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const times = Object.fromEntries(Object.keys(agents).map((name) => [name, []]));
const variants = Object.entries(agents);
for (let round = 0; round < warmUp + rounds; round += 1) {
  // Another order in each round: no variant always comes after the same one.
  for (let place = 0; place < variants.length; place += 1) {
    const [name, agent] = variants[(place + round) % variants.length];
    times[name].push(await cpuMs(agent));
  }
}

const ratio = (name, to, from = warmUp, until = warmUp + rounds) =>
  median(times[name].slice(from, until).map((time, round) => time / times[to][from + round])).toFixed(2);
const alone = median(times['agent alone'].slice(warmUp));
console.log(`51 model + 50 tool steps, CPU, medians of ${rounds} rounds after ${warmUp} others (agent alone: ${alone.toFixed(1)} ms)`);
console.log(`in brackets: of rounds 3 to ${FIRST}, in which V8 still compiles\n`);
for (const name of Object.keys(agents))
  console.log(`${name.padEnd(34)} ${ratio(name, 'agent alone')} x the agent alone (${ratio(name, 'agent alone', 2, FIRST)})`);
console.log(`\nguardMiddleware to the agent alone:             ${ratio('guardMiddleware', 'agent alone')} (goal: 1.20)`);
console.log(`GuardCallbackHandler to a no-op awaited handler: ${ratio('GuardCallbackHandler', 'no-op handler, awaited')} (goal: 1.10)`);

/** How many model calls fit under LangGraph's default recursion limit. */
async function callsThatFit(middleware, wrap = (agent) => agent) {
  const model = new InstantModel();
  await wrap(createAgent({ model, tools: [look], middleware }))
    .invoke(input(), { recursionLimit: 25 })
    .catch(() => {});
  return model.calls;
}
console.log('\nmodel calls under a recursion limit of 25:');
console.log(`  agent alone                      ${await callsThatFit([])}`);
console.log(`  guardMiddleware                  ${await callsThatFit([guardMiddleware(guard)])}`);
console.log(`  guardAgent                       ${await callsThatFit([], (agent) => guardAgent(agent, guard))}`);
console.log(
  `  modelCallLimit + toolCallLimit   ${await callsThatFit([modelCallLimitMiddleware({ runLimit: 500 }), toolCallLimitMiddleware({ runLimit: 500 })])}`,
);
await guard.close();
