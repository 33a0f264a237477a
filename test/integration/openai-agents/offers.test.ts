import { Agent, assistant, user, type AgentInputItem, type Runner } from '@openai/agents';
import { cheaperModel, createGuard, handoff, wrapUp, type CallEdits } from 'holdfast';
import { guardModel, guardRunner, guardTools } from 'holdfast/openai-agents';
import type { RecordedRequest } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { offeringGuard, type OfferFor } from '../langchain/support/offering-guard.ts';
import { playedAgents, searchTool } from './support/agents-sdk.ts';

const history: AgentInputItem[] = [user('Hello.'), assistant('Hello!'), user('Rain?')];
const toolsOf = (request: RecordedRequest): number => request.messages.filter(({ role }) => role === 'tool').length;

const ways: Record<string, (runner: Runner, agent: Agent, input: string | AgentInputItem[]) => Promise<unknown>> = {
  run: async (runner, agent, input) => (await runner.run(agent, input, { maxTurns: 30 })).finalOutput,
  stream: async (runner, agent, input) => {
    const result = await runner.run(agent, input, { maxTurns: 30, stream: true });
    await result.completed;
    return result.finalOutput;
  },
};

describe.each([
  ['chat', false],
  ['responses', true],
] as const)('over %s', (_api, useResponses) => {
  describe.each(Object.entries(ways))('a guarded runner (%s) follows the guard’s offer', (_way, ask) => {
    async function first(edits: CallEdits | undefined, settings: object = {}): Promise<RecordedRequest> {
      await using sdk = await playedAgents(() => 'Yes.', { useResponses });
      const guard = offeringGuard(createGuard(), ({ kind }) => (kind === 'model' ? edits : undefined));
      const other = new Agent({ name: 'Other' });
      const agent = new Agent({
        name: 'Weather',
        instructions: 'Be brief.',
        tools: [searchTool().search],
        handoffs: [other],
        modelSettings: { temperature: 0.5, ...settings },
      });
      expect(await ask(guardRunner(sdk.runner, guard), agent, history)).toBe('Yes.');
      expect(sdk.server.refusals).toEqual([]);
      return sdk.server.requests[0] as RecordedRequest;
    }

    it('to the letter when there is none', async () => {
      const request = await first(undefined);
      expect(request).toMatchObject({
        model: 'gpt-4o-mini',
        tools: ['search', 'transfer_to_Other'],
        maxOutputTokens: undefined,
        body: { temperature: 0.5 },
      });
      expect(request.messages.map(({ text }) => text)).toEqual(['Be brief.', 'Hello.', 'Hello!', 'Rain?']);
    });

    it('of a cap, of another model by its name, and of less reasoning', async () => {
      const edits: CallEdits = { maxOutputTokens: 77, model: { name: 'gpt-5-mini' }, reasoning: { effort: 'low' } };
      expect(await first(edits)).toMatchObject({
        model: 'gpt-5-mini',
        maxOutputTokens: 77,
        reasoningEffort: 'low',
        tools: ['search', 'transfer_to_Other'],
      });
    });

    it('of fewer tools, and of none: a hand-over is a tool', async () => {
      expect((await first({ tools: ['transfer_to_Other'] })).tools).toEqual(['transfer_to_Other']);
      const bare = await first({ tools: [] }, { toolChoice: 'auto', parallelToolCalls: true });
      expect(bare.tools).toEqual([]);
      expect(bare.body).not.toHaveProperty('parallel_tool_calls');
    });

    it('of another history', async () => {
      const messages: CallEdits['messages'] = [
        { kind: 'keep', index: 0 },
        { kind: 'replace', index: 2, text: 'Hi!' },
        { kind: 'insert', role: 'user', text: 'Notice.' },
        { kind: 'keep', index: 3 },
      ];
      const request = await first({ messages });
      expect(request.messages.map(({ role, text }) => `${role}: ${text}`)).toEqual([
        'system: Be brief.',
        'assistant: Hi!',
        'user: Notice.',
        'user: Rain?',
      ]);
    });

    it('of an answer in place of the call, and in place of a tool', async () => {
      await using sdk = await playedAgents(
        (request) => (toolsOf(request) === 0 ? { toolCalls: [{ name: 'search', args: { query: 'a' } }] } : 'Yes.'),
        {
          useResponses,
        },
      );
      const offers: OfferFor = ({ kind }) => (kind === 'tool' ? { answer: 'Known.' } : undefined);
      const { search, asked } = searchTool();
      const guard = offeringGuard(createGuard(), offers);
      const agent = new Agent({ name: 'Weather', tools: guardTools([search], guard) });
      expect(await ask(guardRunner(sdk.runner, guard), agent, 'Rain?')).toBe('Yes.');
      expect(asked).toEqual([]);
      expect(sdk.server.requests[1]?.messages.at(-1)?.text).toBe('Known.');
      const cached = offeringGuard(createGuard(), () => ({ answer: 'From the cache.' }));
      expect(await ask(guardRunner(sdk.runner, cached), new Agent({ name: 'Weather' }), 'Rain?')).toBe('From the cache.');
    });

    it('of a last answer without tools', async () => {
      await using sdk = await playedAgents(
        (request) =>
          request.tools.length === 0 ? 'What I have.' : { toolCalls: [{ name: 'search', args: { query: `q${toolsOf(request)}` } }] },
        { useResponses },
      );
      const guard = createGuard({ budgets: { run: { steps: 10 } }, ladder: [wrapUp({ reserve: 0.1 })] });
      const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard) });
      expect(await ask(guardRunner(sdk.runner, guard), agent, 'Rain?')).toBe('What I have.');
      await guard.close();
    });

    it('of a last answer that asks for nothing more, whatever the model says', async () => {
      await using sdk = await playedAgents(
        (request) => ({ text: 'Well.', toolCalls: [{ name: 'search', args: { query: `q${toolsOf(request)}` } }] }),
        {
          useResponses,
        },
      );
      const guard = createGuard({ budgets: { run: { steps: 6 } }, ladder: [wrapUp({ reserve: 0.2 })] });
      const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard) });
      expect(await ask(guardRunner(sdk.runner, guard), agent, 'Rain?')).toBe('Well.');
      await guard.close();
    });

    it('of a person’s words', async () => {
      await using sdk = await playedAgents((request) => ({ toolCalls: [{ name: 'search', args: { query: `q${toolsOf(request)}` } }] }), {
        useResponses,
      });
      const guard = createGuard({ budgets: { run: { modelCalls: 2 } }, ladder: [handoff(() => 'A colleague will write to you.')] });
      const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard) });
      expect(await ask(guardRunner(sdk.runner, guard), agent, 'Rain?')).toBe('A colleague will write to you.');
      await guard.close();
    });
  });

  it('keeps what a model said at once together when results are shortened', async () => {
    await using sdk = await playedAgents(
      (request) =>
        toolsOf(request) === 0
          ? { reasoningTokens: 5, toolCalls: ['a', 'b', 'c'].map((query) => ({ name: 'search', args: { query } })) }
          : `${request.messages.length} messages`,
      { useResponses },
    );
    const views: string[][] = [];
    const guard = offeringGuard(createGuard(), (call) => {
      if (call.kind !== 'model') return undefined;
      views.push((call.messages ?? []).map(({ role, toolCalls = [] }) => `${role} ${toolCalls.length}`));
      const messages = (call.messages ?? []).map((_, index) =>
        index === 3 ? ({ kind: 'replace', index, text: 'short' } as const) : ({ kind: 'keep', index } as const),
      );
      return messages.length === 5 ? { messages } : undefined;
    });
    const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard) });
    expect((await guardRunner(sdk.runner, guard).run(agent, 'Rain?')).finalOutput).toBe('5 messages');
    expect(views[1]).toEqual(['user 0', 'assistant 3', 'tool 0', 'tool 0', 'tool 0']);
    expect(sdk.server.requests[1]?.messages.slice(2).map(({ text }) => text)).toEqual(['It rains: a.', 'short', 'It rains: c.']);
  });
});

describe('a model instance', () => {
  it('is asked by another name only where the user says how', async () => {
    await using sdk = await playedAgents(() => 'Yes.');
    const guard = createGuard({ budgets: { run: { usd: 1 } }, ladder: [cheaperModel('gpt-4o-mini', { at: 0 })] });
    const model = await sdk.provider.getModel('gpt-4o');
    for (const options of [{}, { models: (name: string) => sdk.provider.getModel(name) }])
      await sdk.runner.run(new Agent({ name: 'Weather', model: guardModel(model, guard, options) }), 'Rain?');
    expect(sdk.server.requests.map(({ model: asked }) => asked)).toEqual(['gpt-4o', 'gpt-4o-mini']);
    await guard.close();
  });

  it('that does not tell its name must be named', async () => {
    await using sdk = await playedAgents(() => 'Yes.', { useResponses: false });
    const model = await sdk.provider.getModel('gpt-4o');
    const guard = createGuard();
    expect(() => guardModel(model, guard)).toThrow(/model: .*give it/);
    expect(() => guardModel(model, guard, { model: 'gpt-4o' })).not.toThrow();
  });

  it('of an agent must be guarded in a guarded runner', async () => {
    await using sdk = await playedAgents(() => 'Yes.');
    const guard = createGuard();
    const model = await sdk.provider.getModel('gpt-4o');
    const runner = guardRunner(sdk.runner, guard);
    await expect(runner.run(new Agent({ name: 'Past', model }), 'Rain?')).rejects.toThrow(/agent Past brings a model instance/);
    expect((await runner.run(new Agent({ name: 'Through', model: guardModel(model, guard) }), 'Rain?')).finalOutput).toBe('Yes.');
    await guard.close();
  });
});

describe('a structured answer', () => {
  it('is counted with its schema', async () => {
    await using sdk = await playedAgents(() => '{"rain":true}');
    const schemas: unknown[] = [];
    const guard = offeringGuard(createGuard(), (call) => {
      if (call.kind === 'model') schemas.push(call.outputSchema);
      return undefined;
    });
    const agent = new Agent({ name: 'Weather', outputType: z.object({ rain: z.boolean() }) });
    expect((await guardRunner(sdk.runner, guard).run(agent, 'Rain?')).finalOutput).toEqual({ rain: true });
    expect(schemas).toMatchObject([{ properties: { rain: { type: 'boolean' } } }]);
  });
});
