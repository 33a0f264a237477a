import { context } from '@opentelemetry/api';
import { createGuard, type Guard, type Run, type Rung } from 'holdfast';
import { openTelemetry } from 'holdfast/opentelemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asyncContextManager, recordingTelemetry } from '../support/recording-telemetry.ts';
import { seededWorkload } from '../support/workload.ts';

beforeAll(() => void context.setGlobalContextManager(asyncContextManager()));
afterAll(() => context.disable());

const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 40, reasoningTokens: 4 };

async function work(guard: Guard): Promise<void> {
  await guard.run({ scopes: { user: 'alice', session: 's1', feature: 'chat' }, agent: 'support' }, async (run) => {
    await run.step({ kind: 'model', model: 'gpt-4o', input: 'the secret prompt' }, async () => ({ output: 'the secret answer', usage }));
    await run.step({ kind: 'tool', name: 'search', args: { q: 'secret' } }, async () => ({ output: 'secret' }));
  });
}

describe('openTelemetry', () => {
  it('makes a span of each run and, under it, of each step, with the names of the conventions and no content', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    await telemetry.inSpan('request', () => work(guard));
    const [request, run, chat, tool] = telemetry.spans;
    expect(telemetry.spans.map(({ name, ended }) => [name, ended])).toEqual([
      ['request', 0],
      ['invoke_agent support', 1],
      ['chat gpt-4o', 1],
      ['execute_tool search', 1],
    ]);
    expect([run?.parentId, chat?.parentId, tool?.parentId]).toEqual([request?.id, run?.id, run?.id]);
    expect(run?.attributes).toMatchObject({
      'gen_ai.agent.name': 'support',
      'gen_ai.conversation.id': 's1',
      'holdfast.scope.user': 'alice',
      'holdfast.used.steps': 2,
    });
    expect(chat?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.cache_read.input_tokens': 40,
      'gen_ai.usage.reasoning.output_tokens': 4,
      'holdfast.step.outcome': 'ok',
      'holdfast.used.usd': 0.0003,
    });
    expect(JSON.stringify([telemetry.spans, telemetry.measurements])).not.toContain('secret');
  });

  it('hangs a step under the span that a host has made inside the run', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    await telemetry.inSpan('request', () =>
      guard.run((run) => telemetry.inSpan('node', () => run.step({ kind: 'tool', name: 't', args: {} }, async () => ({ output: 1 })))),
    );
    const idOf = (name: string): string | undefined => telemetry.spans.find((span) => span.name === name)?.id;
    expect(telemetry.spans.find(({ name }) => name === 'execute_tool t')?.parentId).toBe(idOf('node'));
  });

  it('hangs the run of a helper under the run around it', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    await guard.run({ agent: 'outer' }, (outer) => guard.run({ parent: outer, agent: 'inner' }, async () => 1));
    const [outer, inner] = telemetry.spans;
    expect(inner).toMatchObject({ name: 'invoke_agent inner', parentId: outer?.id });
  });

  it('hangs the steps of a helper under the helper, and the helper under the span in which it was begun', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    const look = (run: Run, name: string) => run.step({ kind: 'tool', name, args: {} }, async () => ({ output: 1 }));
    await telemetry.inSpan('request', () =>
      guard.run({ agent: 'outer' }, async (outer) => {
        await guard.run({ agent: 'inner' }, (inner) => look(inner, 'by inner'));
        const late = await telemetry.inSpan('node', async () => {
          const helper = guard.start({ agent: 'in node' });
          await look(helper, 'by helper');
          return helper;
        });
        // The host's span is over, and the request's own is around it again.
        await look(late, 'by helper later');
        await look(outer, 'by outer');
        await late.end();
      }),
    );
    const named = (name: string) => telemetry.spans.find((span) => span.name === name);
    const nameOfParent = (name: string) => telemetry.spans.find(({ id }) => id === named(name)?.parentId)?.name;
    expect(['invoke_agent inner', 'execute_tool by inner', 'invoke_agent in node', 'execute_tool by helper'].map(nameOfParent)).toEqual([
      'invoke_agent outer',
      'invoke_agent inner',
      'node',
      'invoke_agent in node',
    ]);
    expect(['execute_tool by helper later', 'execute_tool by outer'].map(nameOfParent)).toEqual([
      'invoke_agent in node',
      'invoke_agent outer',
    ]);
  });

  it('says of a step that failed that it did, and of which provider a price was', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    const failing = guard.run((run) =>
      run.step({ kind: 'tool', name: 'down', args: {} }, () => Promise.reject(new TypeError('the secret reason'))),
    );
    await expect(failing).rejects.toThrow(TypeError);
    await guard.run((run) => run.step({ kind: 'model', model: 'gemini-2.5-flash', input: 'hi' }, async () => ({ output: 'ok', usage })));
    const named = (name: string) => telemetry.spans.find((span) => span.name === name);
    expect(named('execute_tool down')).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': '_OTHER' } });
    expect(named('chat gemini-2.5-flash')?.attributes).toMatchObject({ 'gen_ai.provider.name': 'gcp.gen_ai' });
    const tokens = telemetry.measurements.filter(({ name }) => name === 'gen_ai.client.token.usage');
    expect(tokens.map(({ attributes }) => attributes['gen_ai.provider.name'])).toEqual(['gcp.gen_ai', 'gcp.gen_ai']);
    expect(JSON.stringify(telemetry.spans)).not.toContain('secret');
  });

  it('measures no call of a model that was not made, and no tokens that nobody reported', async () => {
    const telemetry = recordingTelemetry();
    const answers: Rung = { name: 'answers', at: 0, offer: () => ({ kind: 'answer', output: 'from before' }) };
    const outcomes: string[] = [];
    for (const guard of [createGuard({ ladder: [answers] }), createGuard()]) {
      openTelemetry(guard, telemetry.providers);
      guard.on('step:end', ({ step }) => void outcomes.push(`${step.outcome} ${step.isEstimated}`));
      await guard.run((run) => run.step({ kind: 'model', model: 'gpt-4o', input: 'hi' }, async () => ({ output: 'ok' })));
    }
    expect(outcomes).toEqual(['answered false', 'ok true']);
    const measured = telemetry.measurements.map(({ name }) => name).filter((name) => name.startsWith('gen_ai.client.'));
    expect(measured).toEqual(['gen_ai.client.operation.duration']);
  });

  it('gives every label its own bound: many features leave the models their names', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    const ask = (feature: string) =>
      guard.run({ scopes: { feature } }, (run) =>
        run.step({ kind: 'model', model: 'gpt-4o', input: 'hi' }, async () => ({ output: 'ok', usage })),
      );
    for (let feature = 0; feature < 300; feature += 1) await ask(`f${feature}`);
    await guard.run((run) => run.step({ kind: 'tool', name: 'search', args: {} }, async () => ({ output: 1 })));
    const features = telemetry.measurements.map(({ attributes }) => attributes['holdfast.scope.feature']);
    expect(new Set(features.filter((feature) => feature !== undefined)).size).toBe(201);
    const durations = telemetry.measurements.filter(({ name }) => name === 'gen_ai.execute_tool.duration');
    expect(durations.map(({ attributes }) => attributes['gen_ai.tool.name'])).toEqual(['search']);
  });

  it('tells of verdicts and halts on the run, as errors', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, telemetry.providers);
    const looping = guard.run(async (run) => {
      for (;;) await run.step({ kind: 'tool', name: 'lookup', args: { id: 1 } }, async () => ({ output: 'error: down' }));
    });
    await expect(looping).rejects.toThrow();
    const run = telemetry.spans[0];
    expect(run?.events.map(({ name }) => name)).toContain('holdfast.loop.verdict');
    expect(run?.events.at(-1)?.name).toBe('holdfast.halt');
    expect(run?.attributes).toMatchObject({ 'holdfast.halt.cause': 'loop' });
    expect(run?.status?.code).toBe(2);
  });

  it('measures tokens, durations and spend without the ids of anybody', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, { ...telemetry.providers, spans: false });
    await work(guard);
    const of = (name: string) => telemetry.measurements.filter((each) => each.name === name);
    expect(of('gen_ai.client.token.usage').map(({ value, attributes }) => [value, attributes['gen_ai.token.type']])).toEqual([
      [100, 'input'],
      [10, 'output'],
    ]);
    expect(of('holdfast.spend')).toMatchObject([{ value: 0.0003 }]);
    expect(of('gen_ai.execute_tool.duration')).toHaveLength(1);
    expect(of('gen_ai.invoke_agent.duration')).toHaveLength(1);
    expect(JSON.stringify(telemetry.measurements)).not.toMatch(/alice|s1/);
    expect(telemetry.spans).toEqual([]);
  });

  it('adds to the span that is current, and makes none of its own, where it is told to', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    openTelemetry(guard, { ...telemetry.providers, spans: 'current' });
    await telemetry.inSpan('request', () => work(guard));
    expect(telemetry.spans).toHaveLength(1);
    expect(telemetry.spans[0]?.attributes).toMatchObject({ 'holdfast.scope.user': 'alice', 'holdfast.used.steps': 2 });
    expect(telemetry.spans[0]?.events.map(({ name }) => name)).toEqual([
      'holdfast.hold',
      'holdfast.settle',
      'holdfast.hold',
      'holdfast.settle',
    ]);
  });

  it('ends every span once, whatever becomes of the runs, and ends those that are open when it stops', async () => {
    const telemetry = recordingTelemetry();
    const guard = createGuard();
    const stop = openTelemetry(guard, telemetry.providers);
    await seededWorkload(guard, { seed: 3, runs: 15 });
    expect(telemetry.spans.filter(({ ended }) => ended !== 1)).toEqual([]);
    const run = guard.start();
    stop();
    expect(telemetry.spans.at(-1)?.ended).toBe(1);
    await run.end();
  });

  it('does nothing, and harms nothing, where no SDK is set up', async () => {
    const guard = createGuard();
    const errors: unknown[] = [];
    guard.on('hook:error', ({ error }) => void errors.push(error));
    openTelemetry(guard);
    await work(guard);
    expect(errors).toEqual([]);
  });
});
