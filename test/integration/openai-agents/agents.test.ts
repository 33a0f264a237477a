import { Agent, handoff, MemorySession, Runner, tool, type RunContext } from '@openai/agents';
import { createGuard, HaltError } from 'holdfast';
import { guardRunner, guardTools } from 'holdfast/openai-agents';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endedRuns, playedAgents, searchTool, served } from './support/agents-sdk.ts';

const resultsIn = ({ messages }: { readonly messages: readonly { readonly role: string }[] }): number =>
  messages.filter(({ role }) => role === 'tool').length;

describe('agents that hand over to one another', () => {
  it('draw on one budget, and each is known by its name', async () => {
    await using sdk = await playedAgents(({ tools }) =>
      tools.includes('transfer_to_Billing') ? { toolCalls: [{ name: 'transfer_to_Billing', args: {} }] } : 'It is paid.',
    );
    const guard = createGuard();
    const reports = endedRuns(guard);
    const agents: string[] = [];
    guard.on('step:end', ({ step }) => void agents.push(step.name));
    const billing = new Agent({ name: 'Billing' });
    const triage = new Agent({ name: 'Triage', handoffs: [billing] });
    const result = await guardRunner(sdk.runner, guard).run(triage, 'Is it paid?');
    expect([result.finalOutput, result.lastAgent?.name]).toEqual(['It is paid.', 'Billing']);
    await guard.close();
    expect(agents).toEqual(['gpt-4o-mini', 'transfer_to_Billing', 'gpt-4o-mini']);
    expect(reports).toMatchObject([{ agent: 'Triage', used: { modelCalls: 2, toolCalls: 1, ...served(sdk.server) } }]);
  });

  it('back and forth without end are a loop', async () => {
    await using sdk = await playedAgents(({ tools }) => ({ toolCalls: [{ name: tools[0] ?? '', args: {} }] }));
    for (const stream of [false, true]) {
      const guard = createGuard();
      const ping = new Agent({ name: 'Ping' });
      const pong = new Agent({ name: 'Pong', handoffs: [handoff(ping)] });
      ping.handoffs.push(handoff(pong));
      const runner = guardRunner(sdk.runner, guard);
      const asked = async (): Promise<unknown> => {
        if (!stream) return runner.run(ping, 'Who?', { maxTurns: 60 });
        return (await runner.run(ping, 'Who?', { maxTurns: 60, stream: true })).completed;
      };
      const error: unknown = await asked().catch((thrown: unknown) => thrown);
      expect(HaltError.is(error) && error.halt.cause).toBe('loop');
      expect(guard.lastHalt()?.report.tools).toEqual({
        transfer_to_Ping: expect.anything() as unknown,
        transfer_to_Pong: expect.anything() as unknown,
      });
      expect(error).toBe(guard.lastHalt());
      await guard.close();
    }
  });
});

describe('an agent in a tool', () => {
  it.each([false, true])('is a run inside the run, and draws on its budget (streamed: %s)', async (stream) => {
    await using sdk = await playedAgents((request) => {
      if (request.tools.includes('research'))
        return resultsIn(request) === 0 ? { toolCalls: [{ name: 'research', args: { input: 'rain' } }] } : 'Done.';
      return resultsIn(request) < 2 ? { toolCalls: [{ name: 'search', args: { query: `q${resultsIn(request)}` } }] } : 'Researched.';
    });
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const reports = endedRuns(guard);
    const researcher = new Agent({ name: 'Researcher', tools: guardTools([searchTool().search], guard) });
    const research = researcher.asTool({ toolName: 'research', toolDescription: 'Researches.' });
    const boss = new Agent({ name: 'Boss', tools: guardTools([research], guard) });
    const runner = guardRunner(sdk.runner, guard);
    const context = { user_id: 'u1' };
    if (stream) await (await runner.run(boss, 'Rain?', { context, stream })).completed;
    else expect((await runner.run(boss, 'Rain?', { context })).finalOutput).toBe('Done.');
    await guard.close();
    expect(Object.fromEntries(reports.map(({ used, agent }) => [agent, used.steps]))).toEqual({ Boss: 8, research: 5 });
    expect((await guard.read('user', 'u1')).used.steps).toBe(8);
    expect(served(sdk.server).inputTokens).toBe((await guard.read('user', 'u1')).used.inputTokens);
  });

  it('cannot spend more than what the run has left', async () => {
    await using sdk = await playedAgents((request) => {
      if (request.tools.includes('research')) return { toolCalls: [{ name: 'research', args: { input: `rain ${resultsIn(request)}` } }] };
      return { toolCalls: [{ name: 'search', args: { query: `q${resultsIn(request)}` } }] };
    });
    const guard = createGuard({ budgets: { user: { modelCalls: 5 } } });
    const researcher = new Agent({ name: 'Researcher', tools: guardTools([searchTool().search], guard) });
    const research = researcher.asTool({ toolName: 'research', toolDescription: 'Researches.' });
    const boss = new Agent({ name: 'Boss', tools: guardTools([research], guard) });
    const error: unknown = await guardRunner(sdk.runner, guard)
      .run(boss, 'Rain?', { maxTurns: 50 })
      .catch((thrown: unknown) => thrown);
    expect(HaltError.is(error)).toBe(true);
    expect(sdk.server.requests).toHaveLength(5);
    await guard.close();
  });
});

describe('tools that are not guarded', () => {
  it('are counted and judged when the model is asked again', async () => {
    await using sdk = await playedAgents(() => ({ toolCalls: ['a', 'b'].map((query) => ({ name: 'search', args: { query } })) }));
    const guard = createGuard();
    const agent = new Agent({ name: 'Weather', tools: [searchTool().search] });
    const error: unknown = await guardRunner(sdk.runner, guard)
      .run(agent, 'Rain?', { maxTurns: 50 })
      .catch((thrown: unknown) => thrown);
    expect(HaltError.is(error) && error.halt.cause).toBe('loop');
    expect(HaltError.is(error) && error.report.used.toolCalls).toBeGreaterThan(6);
    await guard.close();
  });
});

describe('a call that waits for an approval', () => {
  it('goes on in the same run when it is resumed', async () => {
    await using sdk = await playedAgents((request) => (resultsIn(request) === 0 ? { toolCalls: [{ name: 'pay', args: {} }] } : 'Paid.'));
    const guard = createGuard({ budgets: { run: { steps: 10 } } });
    const reports = endedRuns(guard);
    const pay = tool({ name: 'pay', description: 'Pays.', parameters: z.object({}), needsApproval: true, execute: () => 'done' });
    const agent = new Agent({ name: 'Clerk', tools: guardTools([pay], guard) });
    const runner = guardRunner(sdk.runner, guard);
    const waiting = await runner.run(agent, 'Pay!');
    expect(waiting.interruptions).toHaveLength(1);
    expect(reports).toHaveLength(0);
    const [interruption] = waiting.interruptions;
    if (interruption) waiting.state.approve(interruption);
    expect((await runner.run(agent, waiting.state)).finalOutput).toBe('Paid.');
    expect(reports).toMatchObject([{ used: { modelCalls: 2, toolCalls: 1 } }]);
    await guard.close();
  });
});

describe('a halted call', () => {
  it('leaves a conversation in its session in which every call has its result', async () => {
    await using sdk = await playedAgents((request) =>
      resultsIn(request) < 6
        ? { toolCalls: ['a', 'b'].map((query) => ({ name: 'search', args: { query: `${query}${resultsIn(request)}` } })) }
        : 'It will rain.',
    );
    const guard = createGuard({ budgets: { run: { toolCalls: 3 } }, fallback: () => 'Enough.' });
    const session = new MemorySession();
    const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard) });
    const runner = guardRunner(sdk.runner, guard);
    expect((await runner.run(agent, 'Rain?', { session })).finalOutput).toBe('Enough.');
    const items = (await session.getItems()) as { type?: string; callId?: string }[];
    const ids = (type: string): Set<string | undefined> => new Set(items.filter((item) => item.type === type).map(({ callId }) => callId));
    expect(ids('function_call').size).toBeGreaterThan(1);
    expect(ids('function_call')).toEqual(ids('function_call_result'));
    await guard.close();
  });

  it('is told of by its error also where the agent makes an answer of what a tool gave', async () => {
    await using sdk = await playedAgents(() => ({ toolCalls: ['a', 'b'].map((query) => ({ name: 'search', args: { query } })) }));
    const guard = createGuard({ budgets: { run: { toolCalls: 1 } } });
    const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard), toolUseBehavior: 'stop_on_first_tool' });
    await expect(guardRunner(sdk.runner, guard).run(agent, 'Rain?')).rejects.toBeInstanceOf(HaltError);
    await guard.close();
  });

  it('does not wait for its tools, and tells them', async () => {
    await using sdk = await playedAgents((request) => (resultsIn(request) === 0 ? { toolCalls: [{ name: 'hang', args: {} }] } : 'Yes.'));
    const guard = createGuard({ budgets: { run: { duration: '150ms' } } });
    let signal: AbortSignal | undefined;
    const hang = tool({
      name: 'hang',
      description: 'Never answers.',
      parameters: z.object({}),
      execute: (_input: unknown, _context?: RunContext, details?: { signal?: AbortSignal }) => {
        signal = details?.signal;
        return new Promise<string>(() => {});
      },
    });
    const agent = new Agent({ name: 'Weather', tools: guardTools([hang], guard) });
    const error: unknown = await guardRunner(sdk.runner, guard)
      .run(agent, 'Rain?')
      .catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(signal?.reason).toBe(error);
    await guard.close();
  });
});

describe('whom a call works for', () => {
  it('is read from its context, its conversation and the runner, or told by a function', async () => {
    await using sdk = await playedAgents(() => 'Yes.', { groupId: 'chat-7', traceMetadata: { feature: 'weather' } });
    const guard = createGuard();
    const reports = endedRuns(guard);
    const agent = new Agent({ name: 'Weather' });
    await guardRunner(sdk.runner, guard).run(agent, 'Rain?', { context: { user_id: 'u1' } });
    await guardRunner(sdk.runner, guard, { scopes: () => ({ user: 'u2', tenant: 't' }) }).run(agent, 'Rain?');
    await guard.close();
    expect(reports.map(({ scopes }) => scopes)).toEqual([
      { user: 'u1', session: 'chat-7', feature: 'weather' },
      { user: 'u2', tenant: 't', session: 'chat-7', feature: 'weather' },
    ]);
  });
});

it('a guarded runner keeps its listeners, its settings and its type', async () => {
  await using sdk = await playedAgents(() => 'Yes.', { workflowName: 'Weather' });
  const guard = createGuard();
  const runner = guardRunner(sdk.runner, guard);
  const started: string[] = [];
  runner.on('agent_start', (_context, agent) => void started.push(agent.name));
  await runner.run(new Agent({ name: 'One' }), 'Rain?');
  expect(started).toEqual(['One']);
  expect(runner).toBeInstanceOf(Runner);
  expect(runner.config).toMatchObject({ workflowName: 'Weather', model: 'gpt-4o-mini' });
  await guard.close();
});
