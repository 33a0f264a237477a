import { Agent, Runner, type Model } from '@openai/agents';
import { createGuard, type Detector } from 'holdfast';
import { guardModel, guardRunner } from 'holdfast/openai-agents';
import { afterEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { endedRuns, playedAgents } from './support/agents-sdk.ts';

afterEach(() => vi.useRealTimers());

/** A model in this process: what it does is up to the test. */
const ownModel = (does: Partial<Model>): Model => ({
  getResponse: () => Promise.reject(new Error('unused')),
  getStreamedResponse: () => {
    throw new Error('unused');
  },
  ...does,
});

const forEver = new Promise<never>(() => {});

it.each([false, true])('an answer that is whole is given, also where its run is halted for it (streamed: %s)', async (stream) => {
  await using sdk = await playedAgents(() => 'It will rain.');
  const strict: Detector = { name: 'strict', observe: ({ kind }) => (kind === 'model' ? { level: 'halt', reason: 'enough' } : undefined) };
  const guard = createGuard({ detectors: [strict] });
  const runner = guardRunner(sdk.runner, guard);
  const agent = new Agent({ name: 'Weather' });
  const asked = [
    { role: 'user' as const, content: 'Rain?' },
    { role: 'assistant' as const, status: 'completed' as const, content: [{ type: 'output_text' as const, text: 'Where?' }] },
    { role: 'user' as const, content: 'Here.' },
  ];
  const result = stream ? await runner.run(agent, asked, { stream: true }) : await runner.run(agent, asked);
  if ('completed' in result) await result.completed;
  expect(result.finalOutput).toBe('It will rain.');
  expect(guard.lastHalt()?.halt.reason).toBe('enough');
  await guard.close();
});

it('a model that fails before it streams leaves nothing held', async () => {
  const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
  const model = guardModel(ownModel({}), guard, { model: 'gpt-4o-mini' });
  const result = await new Runner({ tracingDisabled: true }).run(new Agent({ name: 'Weather', model }), 'Rain?', { stream: true });
  await expect(result.completed).rejects.toThrow('unused');
  expect((await guard.read('user')).held.tokens).toBe(0);
  await guard.close();
});

it.each([false, true])('a model that hangs does not keep its run for ever (streamed: %s)', async (stream) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const clock = { now: () => Date.now(), setTimeout: (act: () => void, ms: number) => setTimeout(act, ms), clearTimeout: () => {} };
  const guard = createGuard({ clock });
  const reports = endedRuns(guard);
  const hanging = ownModel({
    getResponse: () => forEver,
    getStreamedResponse: async function* () {
      yield await forEver;
    },
  });
  const agent = new Agent({ name: 'Weather', model: guardModel(hanging, guard, { model: 'gpt-4o-mini' }) });
  const runner = new Runner({ tracingDisabled: true });
  const asking: Promise<unknown> = stream ? runner.run(agent, 'Rain?', { stream: true }) : runner.run(agent, 'Rain?');
  asking.catch(() => {});
  await vi.advanceTimersByTimeAsync(60 * 60_000);
  expect(reports.map(({ used }) => used.modelCalls)).toEqual([1]);
  await guard.close();
});

it('a typed answer is the fallback’s only where it fits; else the error is the halt’s own', async () => {
  await using sdk = await playedAgents(() => 'unused');
  const agent = new Agent({ name: 'Weather', outputType: z.object({ city: z.string() }) });
  for (const answer of ['I could not finish this.', { city: 'Oslo' }]) {
    const guard = createGuard({ budgets: { run: { inputTokens: 3 } }, fallback: () => answer });
    const outcome: unknown = await guardRunner(sdk.runner, guard)
      .run(agent, 'Rain?')
      .then(
        ({ finalOutput }) => finalOutput,
        (error: unknown) => error,
      );
    expect(outcome).toEqual(typeof answer === 'string' ? guard.lastHalt() : answer);
    await guard.close();
  }
});

it.each(['user', 'tool'])('a message of the %s that is shortened keeps its picture', async (role) => {
  const picture = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
  const content = [
    { type: 'input_text' as const, text: 'word '.repeat(2_000) },
    { type: 'input_image' as const, image: picture },
  ];
  await using sdk = await playedAgents(() => 'Rain.');
  const guard = createGuard({ input: { maxTokens: 600, onExcess: 'trim' } });
  const call = { type: 'function_call' as const, callId: 'call_1', name: 'look', arguments: '{}' };
  await guardRunner(sdk.runner, guard).run(
    new Agent({ name: 'Weather' }),
    role === 'user'
      ? [{ role: 'user', content }]
      : [
          { role: 'user', content: 'Rain?' },
          { ...call, status: 'completed' },
          { type: 'function_call_result', callId: 'call_1', name: 'look', status: 'completed', output: content },
        ],
  );
  const body = sdk.server.requests[0]?.body as { input: { content?: unknown; output?: unknown }[] } | undefined;
  const sent = body?.input.at(-1);
  expect(sent?.content ?? sent?.output).toMatchObject([
    { type: 'input_text', text: expect.stringContaining('characters left out') as string },
    { type: 'input_image', image_url: picture },
  ]);
  await guard.close();
});
