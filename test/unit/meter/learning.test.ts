import { describe, expect, test } from 'vitest';
import type { ModelCall } from '../../../src/core/step.ts';
import type { Usage } from '../../../src/core/usage.ts';
import { createMeter } from '../../../src/meter/create-meter.ts';
import type { InputCount, Meter } from '../../../src/meter/meter.ts';

const text = 'The quick brown fox jumps over the lazy dog. '.repeat(100);
const callOf = (model: string, more: Partial<ModelCall> = {}): ModelCall => ({ kind: 'model', model, input: text, ...more });
const billed = (usage: Partial<Usage>): Usage => ({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  ...usage,
});

/** Tells the meter a bill of `ratio` times the count, some times. */
async function teach(meter: Meter, call: ModelCall, ratio: number, times: number): Promise<InputCount> {
  for (let time = 0; time < times; time++) {
    const counted = await meter.count(call);
    meter.learn(call.model, counted, billed({ inputTokens: Math.round(counted.counted * ratio) }), call);
  }
  return meter.count(call);
}

describe('the count learns from the bill', () => {
  test('one bill above the hold raises the next', async () => {
    const meter = createMeter();
    const call = callOf('some-new-model');
    const before = await meter.count(call);
    const after = await teach(meter, call, 2.5, 1);
    expect(after.upper).toBeGreaterThan(before.upper);
    expect(after.upper).toBeGreaterThanOrEqual(before.counted * 2.5);
    expect(after.counted).toBe(before.counted);
  });

  test('a factor that was too careful comes down after a few bills, not after one', async () => {
    const meter = createMeter();
    const call = callOf('claude-opus-4-7');
    const before = await meter.count(call);
    expect(await teach(meter, call, 1.2, 1)).toEqual(before);
    const after = await teach(meter, call, 1.2, 6);
    expect(after.upper).toBeLessThan(before.upper);
    expect(after.upper).toBeGreaterThanOrEqual(Math.ceil(before.counted * 1.2));
    expect(after.likely).toBe(Math.ceil(before.counted * meter.billedRatios()[0]!.ratio));
  });

  test('it comes down with the fifth bill, not with the fourth', async () => {
    const meter = createMeter();
    const call = callOf('claude-opus-4-7');
    const before = await meter.count(call);
    expect((await teach(meter, call, 1.2, 4)).upper).toBe(before.upper);
    expect((await teach(meter, call, 1.2, 1)).upper).toBeLessThan(before.upper);
  });

  test('a bill that was high once is forgotten after sixteen others', async () => {
    const meter = createMeter();
    const call = callOf('some-new-model');
    await teach(meter, call, 1, 10);
    await teach(meter, call, 2, 1);
    expect((await teach(meter, call, 1, 15)).upper).toBeGreaterThanOrEqual(2 * (await meter.count(call)).counted);
    expect((await teach(meter, call, 1, 1)).upper).toBeLessThan(1.2 * (await meter.count(call)).counted);
  });

  test('a model that begins to bill otherwise is followed soon, however long it was known', async () => {
    const meter = createMeter();
    const call = callOf('some-new-model');
    await teach(meter, call, 1, 200);
    await teach(meter, call, 2, 10);
    expect(meter.billedRatios()[0]!.ratio).toBeGreaterThan(1.7);
  });

  test('bills of next to nothing lower the hold of an uncertain count to half of what it was, no further', async () => {
    const tools = [{ name: 'find', description: 'finds a thing by its name' }];
    for (const call of [callOf('some-new-model'), callOf('claude-opus-4-7', { tools }), callOf('gpt-4o', { tools })]) {
      const meter = createMeter();
      const before = await meter.count(call);
      const after = await teach(meter, call, 0.01, 30);
      expect(after.upper).toBe(Math.ceil(before.upper / 2));
      expect(meter.billedRatios()[0]!.ratio).toBe(0.25);
    }
  });

  test('a bill of nothing teaches nothing', async () => {
    const meter = createMeter();
    await teach(meter, callOf('some-new-model'), 0, 10);
    expect(meter.billedRatios()).toEqual([]);
  });

  test('bills that cannot be true do not make the hold of plain text smaller than its exact count', async () => {
    const meter = createMeter();
    const call = callOf('gpt-4o');
    const after = await teach(meter, call, 0.01, 30);
    expect(after.upper).toBeGreaterThanOrEqual(after.counted);
  });

  test('nor do they make a hold grow beyond four times the count', async () => {
    const meter = createMeter();
    const call = callOf('some-new-model');
    const after = await teach(meter, call, 1_000, 10);
    expect(after.upper).toBeLessThanOrEqual(Math.ceil(after.counted * 4 * 1.05));
  });

  test('the largest ratio of late is what is held, so that a bill that varies is still covered', async () => {
    const meter = createMeter();
    const call = callOf('some-new-model');
    await teach(meter, call, 1, 10);
    await teach(meter, call, 1.4, 1);
    const after = await teach(meter, call, 1, 5);
    expect(after.upper).toBeGreaterThanOrEqual(after.counted * 1.4);
  });

  test('calls with tools are learned apart from plain ones', async () => {
    const meter = createMeter();
    const tools = [{ name: 'find', description: 'finds a thing by its name' }];
    await teach(meter, callOf('some-new-model', { tools }), 0.6, 10);
    const plain = callOf('some-new-model');
    expect(await meter.count(plain)).toEqual(await createMeter().count(plain));
    expect(meter.billedRatios()).toEqual([{ model: 'some-new-model', content: 'tools', ratio: expect.closeTo(0.6, 2), observations: 10 }]);
  });

  test('what the provider itself has counted teaches nothing of the count made here, which stands in when the endpoint is down', async () => {
    const call = callOf('claude-sonnet-4-5');
    let isDown = false;
    const countCall = (): Promise<number> => (isDown ? Promise.reject(new Error('503')) : Promise.resolve(1_300));
    const meter = createMeter({ tokenizers: { 'claude-*': { countCall } } });
    for (let time = 0; time < 10; time++) meter.learn(call.model, await meter.count(call), billed({ inputTokens: 1_300 }), call);
    expect(meter.billedRatios()).toEqual([]);
    isDown = true;
    expect(await meter.count(call)).toEqual(await createMeter().count(call));
  });

  test('so are calls with a schema for the answer, and calls with pictures', async () => {
    const meter = createMeter();
    const messages: ModelCall['messages'] = [{ role: 'user', text, media: [{ kind: 'image', width: 64, height: 64 }] }];
    await teach(meter, callOf('some-new-model', { outputSchema: { type: 'object' } }), 0.6, 1);
    await teach(meter, callOf('some-new-model', { messages }), 0.7, 1);
    await teach(meter, callOf('some-new-model', { messages, tools: [{ name: 'find' }] }), 0.8, 1);
    await teach(meter, callOf('some-new-model', { messages: [{ role: 'user', text, media: [] }], tools: [] }), 0.9, 1);
    expect(meter.billedRatios().map(({ content, ratio }) => [content, ratio.toFixed(1)])).toEqual([
      ['tools', '0.6'],
      ['text+media', '0.7'],
      ['tools+media', '0.8'],
      ['text', '0.9'],
    ]);
  });

  test('a very short call teaches nothing about the tokenizer', async () => {
    const meter = createMeter();
    await teach(meter, { kind: 'model', model: 'gpt-4o', input: 'Hi' }, 3, 10);
    expect(meter.billedRatios()).toEqual([]);
  });

  test('what is remembered is bounded, whatever models are named', () => {
    const meter = createMeter();
    for (let index = 0; index < 2_000; index++) {
      const call = callOf(`model-${index}`);
      meter.learn(call.model, { counted: 1_000, likely: 1_000, upper: 1_000 }, billed({ inputTokens: 1_100 }), call);
    }
    expect(meter.billedRatios().length).toBeLessThanOrEqual(512);
    expect(meter.billedRatios().at(-1)?.model).toBe('model-1999');
  });

  test('of more models than are remembered the one that was not heard of for longest is forgotten', () => {
    const meter = createMeter();
    const hear = (model: string): void =>
      meter.learn(model, { counted: 1_000, likely: 1_000, upper: 1_000 }, billed({ inputTokens: 1_100 }), callOf(model));
    for (let index = 0; index < 512; index++) hear(`model-${index}`);
    hear('model-0');
    hear('model-512');
    const known = meter.billedRatios().map(({ model }) => model);
    expect(known).toHaveLength(512);
    expect(known).toContain('model-0');
    expect(known).not.toContain('model-1');
  });
});

describe('the output that is to be expected', () => {
  test('caps: what the user sets, else more for models that think', () => {
    expect(createMeter().defaultOutputCap('gpt-4o')).toBe(4_096);
    for (const model of ['o3-mini', 'gpt-5', 'openai/o4-mini', 'gemini-2.5-pro', 'deepseek-reasoner', 'deepseek/deepseek-r1:free']) {
      expect(createMeter().defaultOutputCap(model)).toBe(16_384);
    }
    for (const model of ['gpt-4o-mini', 'claude-sonnet-4-5', 'gpt-5-chat-latest', 'llama-3.1-8b', 'mistral-large']) {
      expect(createMeter().defaultOutputCap(model)).toBe(4_096);
    }
    expect(createMeter({ maxOutputTokens: 99 }).defaultOutputCap('o3')).toBe(99);
  });

  test('reasoning: a budget in tokens bounds it, an effort takes its share of the cap, none is none', () => {
    const { reasoningEstimate } = createMeter();
    expect(reasoningEstimate(callOf('claude-sonnet-4-5', { reasoning: { maxTokens: 2_000 } }), 10_000)).toBe(2_000);
    expect(reasoningEstimate(callOf('claude-sonnet-4-5', { reasoning: { maxTokens: 2_000 }, n: 3 }), 10_000)).toBe(6_000);
    expect(reasoningEstimate(callOf('claude-sonnet-4-5', { reasoning: { maxTokens: 20_000 } }), 10_000)).toBe(10_000);
    expect(reasoningEstimate(callOf('o3', { reasoning: { effort: 'low' } }), 10_000)).toBe(2_000);
    expect(reasoningEstimate(callOf('o3'), 10_000)).toBe(5_000);
    expect(reasoningEstimate(callOf('o3', { reasoning: { effort: 'none' } }), 10_000)).toBe(0);
    expect(reasoningEstimate(callOf('gpt-4o'), 10_000)).toBe(0);
  });

  test.each(['max', 'constructor', 'extreme', ''])('an effort of %j, which nobody knows here, is taken for the highest', (effort) => {
    const call = callOf('claude-opus-4-7', { reasoning: { effort: effort as 'high' } });
    expect(createMeter().reasoningEstimate(call, 10_000)).toBe(9_500);
    expect(createMeter().expectedOutput(call, 10_000)).toBe(10_000);
  });

  test.each([Number.NaN, -5, '2000', null])('a budget for thinking of %j is as good as none', (maxTokens) => {
    const call = callOf('o3', { reasoning: { maxTokens: maxTokens as number } });
    expect(createMeter().reasoningEstimate(call, 10_000)).toBe(createMeter().reasoningEstimate(callOf('o3'), 10_000));
  });

  test('a budget for thinking that is no whole number is rounded upwards, and settings of null are none', () => {
    expect(createMeter().reasoningEstimate(callOf('o3', { reasoning: { maxTokens: 20.5 } }), 10_000)).toBe(21);
    expect(createMeter().reasoningEstimate(callOf('o3', { reasoning: { maxTokens: Number.POSITIVE_INFINITY } }), 10_000)).toBe(10_000);
    expect(createMeter().reasoningEstimate(callOf('o3', { reasoning: null as never }), 10_000)).toBe(5_000);
  });

  test('after some calls of an agent the bills say more than the settings', () => {
    const meter = createMeter();
    const call = callOf('o3', { agent: 'writer', reasoning: { effort: 'high' } });
    const count = { counted: 1_000, likely: 1_000, upper: 1_000 };
    expect(meter.expectedOutput(call, 10_000)).toBe(8_500);
    for (let time = 0; time < 5; time++)
      meter.learn('o3', count, billed({ inputTokens: 1_000, outputTokens: 1_200, reasoningTokens: 900 }), call);
    expect(meter.expectedOutput(call, 10_000)).toBe(1_200);
    expect(meter.reasoningEstimate(call, 10_000)).toBe(900);
    expect(meter.expectedOutput(call, 500)).toBe(500);
    expect(meter.expectedOutput({ ...call, agent: 'another' }, 10_000)).toBe(8_500);
  });

  test('thinking that varies is expected above its mean', () => {
    const meter = createMeter();
    const call = callOf('o3');
    for (let time = 0; time < 40; time++) {
      const usage = billed({ inputTokens: 1_000, outputTokens: 1_200, reasoningTokens: time % 2 === 0 ? 100 : 900 });
      meter.learn('o3', { counted: 1_000, likely: 1_000, upper: 1_000 }, usage, call);
    }
    expect(meter.reasoningEstimate(call, 10_000)).toBeGreaterThan(900);
    expect(meter.reasoningEstimate(call, 10_000)).toBeLessThan(1_600);
  });

  test('an answer that nobody has seen is a few paragraphs, never above the cap', () => {
    expect(createMeter().expectedOutput(callOf('gpt-4o'), 4_096)).toBe(500);
    expect(createMeter().expectedOutput(callOf('gpt-4o'), 100)).toBe(100);
  });
});
