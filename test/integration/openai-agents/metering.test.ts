import { Agent, retryPolicies, type Model, type Runner } from '@openai/agents';
import { createGuard, type EndedStepInfo, type Guard } from 'holdfast';
import { guardModel, guardRunner, guardTools } from 'holdfast/openai-agents';
import { describe, expect, it } from 'vitest';
import { endedRuns, playedAgents, searchTool, served } from './support/agents-sdk.ts';

const steps = (guard: Guard): EndedStepInfo[] => {
  const ended: EndedStepInfo[] = [];
  guard.on('step:end', ({ step }) => void ended.push(step));
  return ended;
};

type Ask = (runner: Runner, agent: Agent, options?: object) => Promise<unknown>;
const ways: Record<string, Ask> = {
  run: async (runner, agent, options) => (await runner.run(agent, 'Rain?', options)).finalOutput,
  stream: async (runner, agent, options) => {
    const result = await runner.run(agent, 'Rain?', { ...options, stream: true });
    await result.completed;
    return result.finalOutput;
  },
};

describe.each([
  ['chat', false],
  ['responses', true],
] as const)('over %s', (_api, useResponses) => {
  describe.each(Object.entries(ways))('%s', (_way, ask) => {
    it('books cached input and reasoning as the provider bills them', async () => {
      await using sdk = await playedAgents(() => ({ text: 'Yes.', reasoningTokens: 9, cachedInputTokens: 3 }), { useResponses });
      const guard = createGuard();
      const ended = steps(guard);
      await ask(guardRunner(sdk.runner, guard), new Agent({ name: 'Weather' }));
      await guard.close();
      expect(ended[0]?.usage).toMatchObject({ ...served(sdk.server), cachedInputTokens: 3, reasoningTokens: 9 });
      expect(ended[0]?.isEstimated).toBe(false);
    });

    it('books the hold where nothing is said of usage, and zero where zero is said', async () => {
      await using sdk = await playedAgents(
        ({ messages }) => ({
          text: 'Yes.',
          usage: messages[0]?.text === 'silent' ? 'missing' : { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 },
        }),
        { useResponses },
      );
      const guard = createGuard();
      const ended = steps(guard);
      for (const instructions of ['silent', 'zero'])
        await ask(guardRunner(sdk.runner, guard), new Agent({ name: 'Weather', instructions }));
      await guard.close();
      expect(ended.map(({ isEstimated, usage }) => [isEstimated, usage?.inputTokens === 0])).toEqual([
        [true, false],
        [false, true],
      ]);
    });

    it('makes each try of the SDK’s own a call with a hold of its own, in one run, and none after a halt', async () => {
      await using sdk = await playedAgents((request) => (request.index === 0 ? { fault: { kind: 'status', status: 409 } } : 'Yes.'), {
        useResponses,
        maxRetries: 0,
      });
      const retry = { maxRetries: 5, policy: retryPolicies.any(retryPolicies.httpStatus([409, 402]), retryPolicies.networkError()) };
      const agent = new Agent({ name: 'Weather', modelSettings: { retry } });
      const guard = createGuard({ budgets: { user: { modelCalls: 3 } } });
      const reports = endedRuns(guard);
      const runner = guardRunner(sdk.runner, guard);
      expect(await ask(runner, agent)).toBe('Yes.');
      expect(reports).toMatchObject([{ used: { modelCalls: sdk.server.requests.length, ...served(sdk.server) } }]);
      const before = sdk.server.requests.length;
      await ask(runner, agent).catch(() => {});
      const error: unknown = await ask(runner, agent).catch((thrown: unknown) => thrown);
      expect(error).toBe(guard.lastHalt());
      expect(sdk.server.requests.length).toBeLessThanOrEqual(before + 1);
      await guard.close();
    });

    it('cuts what is under way when the run’s time is over, and tells of it by the one error', async () => {
      await using sdk = await playedAgents(() => ({ text: 'word '.repeat(50), fault: { kind: 'hang', afterPieces: 3 } }), { useResponses });
      const guard = createGuard({ budgets: { run: { duration: '200ms' } } });
      const ended = steps(guard);
      const error: unknown = await ask(guardRunner(sdk.runner, guard), new Agent({ name: 'Weather' })).catch((thrown: unknown) => thrown);
      expect(guard.lastHalt()?.halt.cause).toBe('deadline');
      expect(error).toBe(guard.lastHalt());
      await guard.close();
      expect(ended).toMatchObject([{ isEstimated: true }]);
    });

    it('books an aborted call', async () => {
      await using sdk = await playedAgents(
        () => ({ text: 'word '.repeat(50), pieceDelayMs: 1, fault: { kind: 'hang', afterPieces: 12 } }),
        { useResponses },
      );
      const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
      const ended = steps(guard);
      const controller = new AbortController();
      const asking = ask(guardRunner(sdk.runner, guard), new Agent({ name: 'Weather' }), { signal: controller.signal }).catch(
        () => 'aborted',
      );
      while (sdk.server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.abort();
      await asking;
      await guard.close();
      expect(ended).toMatchObject([{ isEstimated: true }]);
      expect((await guard.read('user')).held.tokens).toBe(0);
    });

    it('is halted in a loop', async () => {
      await using sdk = await playedAgents(() => ({ toolCalls: [{ name: 'search', args: { query: 'rain' } }] }), { useResponses });
      const guard = createGuard();
      const agent = new Agent({ name: 'Weather', tools: guardTools([searchTool().search], guard), resetToolChoice: false });
      const error: unknown = await ask(guardRunner(sdk.runner, guard), agent, { maxTurns: 60 }).catch((thrown: unknown) => thrown);
      expect(guard.lastHalt()?.halt.cause).toBe('loop');
      expect(error).toBe(guard.lastHalt());
      expect(sdk.server.requests.length).toBeLessThan(20);
      await guard.close();
    });
  });

  it('settles a stream that is left early', async () => {
    await using sdk = await playedAgents(() => ({ text: 'word '.repeat(500), pieceDelayMs: 1 }), { useResponses });
    const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
    const result = await guardRunner(sdk.runner, guard).run(new Agent({ name: 'Weather' }), 'Rain?', { stream: true });
    for await (const event of result) if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') break;
    await result.completed.catch(() => {});
    await guard.close();
    const { used, held } = await guard.read('user');
    expect(held.tokens).toBe(0);
    expect(used.outputTokens).toBeGreaterThan(0);
    expect(used.outputTokens).toBeLessThan(480);
  });

  it.each([false, true])('cuts a text that goes in circles, with the one error or the fallback’s answer (%s)', async (hasFallback) => {
    await using sdk = await playedAgents(() => ({ text: 'word '.repeat(2_000) }), { useResponses });
    const guard = createGuard(hasFallback ? { fallback: () => ' Enough.' } : {});
    const result = await guardRunner(sdk.runner, guard).run(new Agent({ name: 'Weather' }), 'Rain?', { stream: true });
    let text = '';
    let error: unknown;
    try {
      for await (const event of result)
        if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') text += event.data.delta;
    } catch (thrown) {
      error = thrown;
    }
    await guard.close();
    expect(guard.lastHalt()?.halt.cause).toBe('loop');
    expect(text.startsWith('word word')).toBe(true);
    expect(text.length).toBeLessThan(5_000);
    if (hasFallback) expect(result.finalOutput).toBe(' Enough.');
    else expect(error).toBe(guard.lastHalt());
  });
});

it('a guarded model tells nothing but the truth of retries', async () => {
  const guard = createGuard();
  const advice = { suggested: true, reason: 'busy' };
  const model: Model = {
    getResponse: () => Promise.reject(new Error('unused')),
    // oxlint-disable-next-line require-yield
    async *getStreamedResponse() {
      throw new Error('unused');
    },
    getRetryAdvice: () => advice,
  };
  const guarded = guardModel(model, guard, { model: 'gpt-4o' });
  const request = {} as never;
  expect(await guarded.getRetryAdvice?.({ request, error: new Error('x'), stream: false, attempt: 1 })).toBe(advice);
  const halt = guard.start().halt();
  expect(await guarded.getRetryAdvice?.({ request, error: halt, stream: false, attempt: 1 })).toMatchObject({ suggested: false });
  await guard.close();
});
