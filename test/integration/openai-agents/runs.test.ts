import { Agent, type Runner } from '@openai/agents';
import { createGuard, HaltError, type Guard } from 'holdfast';
import { guardModel, guardModelProvider, guardRunner, guardTools } from 'holdfast/openai-agents';
import type { OpenAIScript } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { endedRuns, playedAgents, searchTool, served } from './support/agents-sdk.ts';

const resultsIn = ({ messages }: { readonly messages: readonly { readonly role: string }[] }): number =>
  messages.filter(({ role }) => role === 'tool').length;
const call = (place: number) => ({ toolCalls: [{ name: 'search', args: { query: `q${place}` } }] });
const twoTurns: OpenAIScript = (request) =>
  resultsIn(request) < 2 ? { text: 'Let me see.', ...call(resultsIn(request)) } : 'It will rain.';
const endless: OpenAIScript = (request) => call(resultsIn(request));

type Ask = (runner: Runner, agent: Agent, options?: object) => Promise<unknown>;

const ways: Record<string, Ask> = {
  run: async (runner, agent, options) => (await runner.run(agent, 'Rain?', options)).finalOutput,
  stream: async (runner, agent, options) => {
    const result = await runner.run(agent, 'Rain?', { ...options, stream: true });
    for await (const _event of result);
    await result.completed;
    return result.finalOutput;
  },
};

const agentOf = (guard: Guard<string, unknown>) => {
  const { search, asked } = searchTool();
  return { agent: new Agent({ name: 'Weather', instructions: 'Be brief.', tools: guardTools([search], guard) }), asked };
};

describe.each(Object.entries(ways))('a guarded runner (%s)', (_name, ask) => {
  it.each([true, false])('books exactly what was used, for the ids of the call (responses: %s)', async (useResponses) => {
    await using sdk = await playedAgents(twoTurns, { useResponses });
    const guard = createGuard({ budgets: { user: { usd: 1, window: 'day' } } });
    const reports = endedRuns(guard);
    const { agent, asked } = agentOf(guard);
    expect(await ask(guardRunner(sdk.runner, guard), agent, { context: { user_id: 'u1' } })).toBe('It will rain.');
    expect(asked).toEqual(['q0', 'q1']);
    await guard.close();
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ agent: 'Weather', used: { steps: 5, modelCalls: 3, toolCalls: 2, ...served(sdk.server) } });
    expect((await guard.read('user', 'u1')).used).toMatchObject({ steps: 5, ...served(sdk.server) });
  });

  it('takes the run around it', async () => {
    await using sdk = await playedAgents(twoTurns);
    const guard = createGuard();
    const reports = endedRuns(guard);
    const { agent } = agentOf(guard);
    const runner = guardRunner(sdk.runner, guard);
    await guard.run({ scopes: { user: 'u2' } }, async () => {
      await ask(runner, agent);
      await ask(runner, agent);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ used: { steps: 10, modelCalls: 6, ...served(sdk.server) } });
  });

  it('stays under its budget, and the error of the halt is the very instance', async () => {
    await using sdk = await playedAgents(endless);
    const guard = createGuard({ budgets: { run: { modelCalls: 3 } } });
    const { agent } = agentOf(guard);
    const error: unknown = await ask(guardRunner(sdk.runner, guard), agent, { maxTurns: 20 }).catch((thrown: unknown) => thrown);
    expect(HaltError.is(error)).toBe(true);
    expect(error).toBe(guard.lastHalt());
    expect(sdk.server.requests).toHaveLength(3);
    await guard.close();
  });

  it('ends with the fallback’s answer', async () => {
    await using sdk = await playedAgents(endless);
    let asked = 0;
    const guard = createGuard({ budgets: { run: { toolCalls: 2 } }, fallback: () => `Sorry ${(asked += 1)}.` });
    const { agent } = agentOf(guard);
    expect(await ask(guardRunner(sdk.runner, guard), agent, { maxTurns: 20 })).toBe('Sorry 1.');
    await guard.close();
  });
});

describe('without a guarded runner', () => {
  it.each(Object.entries(ways))('a guarded model makes a run of each execution (%s)', async (_name, ask) => {
    await using sdk = await playedAgents(twoTurns);
    const guard = createGuard();
    const reports = endedRuns(guard);
    const { search } = searchTool();
    const model = guardModel(await sdk.provider.getModel('gpt-4o-mini'), guard);
    const agent = new Agent({ name: 'Weather', model, tools: guardTools([search], guard) });
    await Promise.all([ask(sdk.runner, agent), ask(sdk.runner, agent)]);
    await guard.close();
    expect(reports.map(({ used }) => used.steps)).toEqual([5, 5]);
  });

  it('a guarded provider guards every agent that names its model', async () => {
    await using sdk = await playedAgents(twoTurns);
    const guard = createGuard();
    const reports = endedRuns(guard);
    const { agent } = agentOf(guard);
    const config = { ...sdk.runner.config, modelProvider: guardModelProvider(sdk.provider, guard) };
    const { Runner: PlainRunner } = await import('@openai/agents');
    await new PlainRunner(config).run(agent, 'Rain?');
    await guard.close();
    expect(reports).toMatchObject([{ used: { steps: 5, ...served(sdk.server) } }]);
  });
});
