import type { EndedStepInfo } from 'holdfast';
import type { OpenAIServer, ScriptedReply } from 'holdfast/testing';
import { expect, it } from 'vitest';
import { ANSWER, QUESTION, searching, type SceneName } from './door.ts';
import { both, type Scene, type Stage } from './stage.ts';

const budgets = { run: { tokens: 1_000_000 } };

/** What the server counted, over all requests. */
function billed({ requests }: OpenAIServer): object {
  const total = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };
  for (const { usage } of requests) for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += usage?.[name] ?? 0;
  return total;
}

const words = (count: number): string => Array.from({ length: count }, () => 'rain').join(' ');

/** The one model step, once it is settled; the guard is not asked to tidy up before. */
async function settled({ steps }: Stage): Promise<EndedStepInfo> {
  await expect.poll(() => steps.length, { timeout: 10_000 }).toBe(1);
  return steps[0] as EndedStepInfo;
}

const usage: Scene = {
  title: 'books what the provider bills',
  play(set) {
    it.each(both)('%s, with thinking and cached input', async (_, streams) => {
      const stage = await set({ script: searching(3), guard: { budgets } });
      expect(await stage.told(streams)).toMatchObject({ answer: { text: ANSWER } });
      const report = await stage.report();
      expect(stage.server.requests).toHaveLength(4);
      expect(report.usage).toMatchObject(billed(stage.server));
      expect(report.used).toMatchObject({ modelCalls: 4, toolCalls: 3, steps: 7 });
      expect(report.estimatedSteps).toBe(0);
      expect(report.used.usd).toBeGreaterThan(0);
      expect(stage.problems).toEqual([]);
    });
    it.each(both)('%s, and the hold where no usage comes', async (_, streams) => {
      const stage = await set({ script: () => ({ text: ANSWER, usage: 'missing' }), guard: { budgets } });
      await stage.told(streams);
      const report = await stage.report();
      expect(report).toMatchObject({ estimatedSteps: 1, used: { modelCalls: 1 } });
      expect(report.used.outputTokens).toBeGreaterThan(0);
    });
    it.each(both)('%s, and zero where zero is said', async (_, streams) => {
      const zero = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
      const stage = await set({ script: () => ({ text: ANSWER, usage: zero }), guard: { budgets } });
      await stage.told(streams);
      expect(await stage.report()).toMatchObject({ estimatedSteps: 0, used: { modelCalls: 1, tokens: 0, usd: 0 } });
    });
  },
};

const error: Scene = {
  title: 'books a call that the provider refused as a try without tokens',
  play(set) {
    it.each(both)('%s', async (_, streams) => {
      const stage = await set({ script: () => ({ fault: { kind: 'status', status: 500 } }), guard: { budgets } });
      expect(await stage.told(streams)).toHaveProperty('error');
      const step = await settled(stage);
      expect(step).toMatchObject({ outcome: 'error', attempts: 1, used: { tokens: 0, modelCalls: 1, steps: 1 }, isEstimated: false });
      expect((await stage.report()).used.modelCalls).toBe(1);
    });
  },
};

/** What was sent is paid for: the input, and what had come of the answer. */
function expectPartlyBooked(step: EndedStepInfo, outputMost: number): void {
  expect(step).toMatchObject({ outcome: 'error', isEstimated: true, used: { modelCalls: 1 } });
  expect(step.used.inputTokens).toBeGreaterThan(0);
  expect(step.used.outputTokens).toBeLessThan(outputMost);
}

const abort: Scene = {
  title: 'books what an aborted call had cost',
  play(set) {
    it.each(both)('%s', async (_, streams) => {
      const hanging: ScriptedReply = { text: words(50), fault: { kind: 'hang', afterPieces: 9 } };
      const stage = await set({ script: () => hanging, guard: { budgets } });
      const controller = new AbortController();
      const asked = stage.agent.ask(QUESTION, { streams, signal: controller.signal });
      asked.catch(() => {});
      await expect.poll(() => stage.server.requests.length, { timeout: 10_000 }).toBe(1);
      controller.abort();
      await expect(asked).rejects.toThrow();
      expectPartlyBooked(await settled(stage), 20);
      await expect.poll(() => stage.server.requests[0]?.aborted, { timeout: 10_000 }).toBe(true);
    });
  },
};

const leave: Scene = {
  title: 'books a stream that is left as far as it came',
  play(set) {
    it('and lets go of the provider', async () => {
      const stage = await set({ script: () => ({ text: words(400), pieceDelayMs: 5 }), guard: { budgets } });
      const { pieces } = await stage.agent.ask(QUESTION, { streams: true, leaveAfter: 3 });
      expect(pieces).toHaveLength(3);
      const step = await settled(stage);
      expectPartlyBooked(step, 399);
      expect(step.used.outputTokens).toBeGreaterThan(0);
      await expect.poll(() => stage.server.requests[0]?.aborted, { timeout: 10_000 }).toBe(true);
    });
  },
};

const disconnect: Scene = {
  title: 'books a broken connection as far as the answer came',
  play(set) {
    it.each(both)('%s', async (_, streams) => {
      const stage = await set({ script: () => ({ text: words(50), fault: { kind: 'reset', afterPieces: 12 } }), guard: { budgets } });
      expect(await stage.told(streams)).toHaveProperty('error');
      const step = await settled(stage);
      expectPartlyBooked(step, 20);
      if (streams) expect(step.used.outputTokens).toBeGreaterThan(0);
    });
  },
};

const retry: Scene = {
  title: 'books every try of the host’s client',
  play(set) {
    it.each(both)('as an attempt of one step, %s', async (_, streams) => {
      let calls = 0;
      const stage = await set({
        script: () => (calls++ === 0 ? { fault: { kind: 'status', status: 500 } } : ANSWER),
        guard: { budgets },
        maxRetries: 2,
      });
      expect(await stage.told(streams)).toMatchObject({ answer: { text: ANSWER } });
      const step = await settled(stage);
      expect(step).toMatchObject({ outcome: 'ok', attempts: 2, isEstimated: false, used: { steps: 1, modelCalls: 2 } });
      expect(step.usage).toMatchObject({ ...stage.server.requests[1]?.usage });
    });
    it('and has none left where the budget is for one', async () => {
      const stage = await set({
        script: () => ({ fault: { kind: 'status', status: 500 } }),
        guard: { budgets: { run: { modelCalls: 1 } } },
        maxRetries: 2,
      });
      await stage.halted();
      expect(stage.server.requests).toHaveLength(1);
    });
  },
};

export const bookingScenes: Readonly<Record<Extract<SceneName, 'usage' | 'error' | 'abort' | 'leave' | 'disconnect' | 'retry'>, Scene>> = {
  usage,
  error,
  abort,
  leave,
  disconnect,
  retry,
};
