import { Agent, handoff, tool, type RunItem, type Runner } from '@openai/agents';
import { createGuard, type Guard } from 'holdfast';
import { guardRunner, guardTools } from 'holdfast/openai-agents';
import type { OpenAIScript } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endedRuns, playedAgents, searchTool } from './support/agents-sdk.ts';

const resultsIn = ({ messages }: { readonly messages: readonly { readonly role: string }[] }): number =>
  messages.filter(({ role }) => role === 'tool').length;

const failing = tool({
  name: 'failing',
  description: 'Fails.',
  parameters: z.object({}),
  execute: () => Promise.reject(new Error('No such page.')),
});

const working: OpenAIScript = (request) => {
  const done = resultsIn(request);
  if (done === 0)
    return {
      toolCalls: [
        { name: 'search', args: { query: 'a' }, id: 'c1' },
        { name: 'failing', args: {}, id: 'c2' },
      ],
    };
  if (done === 2) return { toolCalls: [{ name: 'search', args: '{"query":', id: 'c3' }] };
  if (done === 3) return { toolCalls: [{ name: 'transfer_to_Other', args: {}, id: 'c4' }] };
  return { text: 'It will rain.', reasoningTokens: 4, cachedInputTokens: 2 };
};

const scripts: Record<string, OpenAIScript> = {
  'an agent that works, with failing and broken calls and a hand-over': working,
  'a tool that nobody has': () => ({ toolCalls: [{ name: 'nobody', args: {}, id: 'c1' }] }),
  'an error of the provider': () => ({ fault: { kind: 'status', status: 400, message: 'Bad.' } }),
  'a connection that breaks': () => ({ text: 'It will rain tomorrow.', fault: { kind: 'reset', afterPieces: 3 } }),
  'an agent that does not come to an end': (request) => ({
    toolCalls: [{ name: 'search', args: { query: `q${resultsIn(request)}` }, id: `c${resultsIn(request)}` }],
  }),
};

/** Random ids, times and the place in the code are not of the agent's doing. */
const plain = (value: unknown): string =>
  (
    JSON.stringify(value, (key, each: unknown) => {
      if (key === 'stack' || key === 'headers' || key === 'requestID' || key === 'requestId' || key === 'state') return undefined;
      return each instanceof Error ? { name: each.name, message: each.message } : each;
    }) ?? ''
  ).replaceAll(/127\.0\.0\.1:\d+/g, 'the server');

async function played(script: OpenAIScript, useResponses: boolean, stream: boolean, isGuarded: boolean): Promise<string> {
  await using sdk = await playedAgents(script, { useResponses, maxRetries: 0 });
  const guard = createGuard();
  const tools = [searchTool().search, failing];
  const other = new Agent({ name: 'Other' });
  const agent = new Agent({
    name: 'Weather',
    instructions: 'Be brief.',
    tools: isGuarded ? guardTools(tools, guard) : tools,
    handoffs: [handoff(other)],
  });
  const runner = isGuarded ? guardRunner(sdk.runner, guard) : sdk.runner;
  const events: string[] = [];
  for (const event of ['agent_start', 'agent_end', 'agent_handoff', 'agent_tool_start', 'agent_tool_end'] as const)
    (runner as { on(event: string, listener: (...args: { name?: string }[]) => void): void }).on(event, (_context, ...args) => {
      events.push(`${event} ${args.map((each) => (typeof each === 'string' ? each : each?.name)).join(' ')}`);
    });
  const result = await outcome(runner, agent, stream).catch((error: unknown) => ({ error }));
  await guard.close();
  return plain({ result, events, sent: sdk.server.requests.map(({ body }) => body) });
}

async function outcome(runner: Runner, agent: Agent, stream: boolean): Promise<object> {
  const told = (items: readonly RunItem[]): unknown[] => items.map(({ rawItem, type }) => ({ type, rawItem }));
  if (!stream) {
    const { finalOutput, newItems, history, lastAgent, state } = await runner.run(agent, 'Rain?', { maxTurns: 6 });
    return { finalOutput, items: told(newItems), history, last: lastAgent?.name, usage: state.usage };
  }
  const result = await runner.run(agent, 'Rain?', { maxTurns: 6, stream: true });
  const seen: unknown[] = [];
  try {
    for await (const event of result)
      seen.push(
        event.type === 'run_item_stream_event'
          ? told([event.item])
          : event.type === 'agent_updated_stream_event'
            ? event.agent.name
            : event,
      );
    await result.completed;
  } catch (error) {
    return { seen, error };
  }
  return { seen, finalOutput: result.finalOutput, history: result.history };
}

describe('a guarded runner that is not stopped is the same as an unguarded one', () => {
  const cases = Object.keys(scripts).flatMap((name) =>
    [true, false].flatMap((useResponses) => [true, false].map((stream) => [name, useResponses, stream] as const)),
  );
  it.each(cases)('%s (responses: %s, streamed: %s)', async (name, useResponses, stream) => {
    const script = scripts[name] ?? working;
    expect(await played(script, useResponses, stream, true)).toBe(await played(script, useResponses, stream, false));
  });
});

describe('one call is one step', () => {
  it.each([
    ['two guarded runners', (runner: Runner, guard: Guard) => guardRunner(guardRunner(runner, guard), guard)],
    ['a guarded runner inside guard.run', guardRunner],
  ])('in %s', async (_name, make) => {
    await using sdk = await playedAgents((request) =>
      resultsIn(request) < 2 ? { toolCalls: [{ name: 'search', args: { query: `q${resultsIn(request)}` } }] } : 'Yes.',
    );
    const guard = createGuard();
    const reports = endedRuns(guard);
    const agent = new Agent({ name: 'Weather', tools: guardTools(guardTools([searchTool().search], guard), guard) });
    const runner = make(sdk.runner, guard);
    expect(await guard.run(async () => (await runner.run(agent, 'Rain?')).finalOutput)).toBe('Yes.');
    await guard.close();
    expect(reports).toMatchObject([{ used: { steps: 5, modelCalls: 3, toolCalls: 2 } }]);
  });
});
