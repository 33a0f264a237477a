import { cheaperModel, handoff, shorterReplies, wrapUp } from 'holdfast';
import type { OpenAIScript } from 'holdfast/testing';
import { expect, it } from 'vitest';
import { ANSWER, modelsOf, QUESTION, searching, type SceneName } from './door.ts';
import { bookingScenes } from './booking-scenes.ts';
import { sameScene } from './same-scene.ts';
import { both, type Scene } from './stage.ts';

const budgetScene: Scene = {
  title: 'stays under a budget',
  play(set) {
    it.each(both)('of calls, %s', async (_, streams) => {
      const stage = await set({ script: searching(99), guard: { budgets: { run: { modelCalls: 3 } } } });
      const { halt } = await stage.halted(streams);
      expect(halt).toMatchObject({ cause: 'budget', denial: { scope: 'run', dimension: 'modelCalls', limit: 3, used: 3 } });
      expect(stage.server.requests).toHaveLength(3);
      expect((await stage.report()).used.modelCalls).toBe(3);
    });
    it.each(both)('of money, %s', async (_, streams) => {
      const stage = await set({ script: searching(99), guard: { budgets: { run: { usd: 0.01 } } } });
      const { halt } = await stage.halted(streams);
      expect(halt).toMatchObject({ cause: 'budget', denial: { scope: 'run', dimension: 'usd' } });
      const { used, overage } = await stage.report();
      expect(used.usd).toBeGreaterThan(0);
      expect(used.usd).toBeLessThanOrEqual(0.01);
      expect(overage.usd).toBe(0);
    });
    it('that many runs at once share', async () => {
      const stage = await set({ script: searching(0), guard: { budgets: { global: { modelCalls: 5 } } } });
      const all = await Promise.all(Array.from({ length: 20 }, () => stage.told()));
      expect(all.filter((told) => 'answer' in told && told.answer.text === ANSWER)).toHaveLength(5);
      expect(stage.server.requests).toHaveLength(5);
    });
  },
};

const loopScene: Scene = {
  title: 'halts a loop',
  play(set) {
    it.each(both)('of the same call with the same result, %s', async (_, streams) => {
      const stage = await set({ script: searching(99, () => 'rain') });
      const { halt } = await stage.halted(streams);
      expect(halt).toMatchObject({ cause: 'loop', verdict: { level: 'halt' } });
      expect(stage.server.requests.length).toBeLessThan(20);
      expect((await stage.report()).used.modelCalls).toBe(stage.server.requests.length);
    });
    it('and lets honest work go on', async () => {
      const stage = await set({ script: searching(12) });
      expect(await stage.told()).toMatchObject({ answer: { text: ANSWER } });
      expect(stage.server.requests).toHaveLength(13);
      expect((await stage.report()).verdicts).toEqual([]);
    });
  },
};

const degradeScene: Scene = {
  title: 'degrades before it stops',
  play(set, door) {
    const { cheaper } = modelsOf(door);
    it.each(both)('to another model and a shorter answer, seen on the wire, %s', async (_, streams) => {
      const ladder = [cheaperModel(cheaper, { at: 0 }), shorterReplies({ at: 0, maxOutputTokens: 300 })];
      const stage = await set({ script: searching(1), guard: { budgets: { run: { usd: 1 } }, ladder } });
      expect(await stage.told(streams)).toMatchObject({ answer: { text: ANSWER } });
      const sent = stage.server.requests.map(({ model, maxOutputTokens }) => [model, maxOutputTokens]);
      expect(sent).toEqual([
        [cheaper, 300],
        [cheaper, 300],
      ]);
      expect(stage.server.refusals).toEqual([]);
      const { models } = await stage.report();
      expect(Object.keys(models)).toEqual([cheaper]);
    });
  },
};

const wrapUpScene: Scene = {
  title: 'wraps up with an answer',
  play(set) {
    const endsWith = async (script: OpenAIScript, guard: object, streams: boolean): Promise<void> => {
      const stage = await set({ script, guard: { ...guard, ladder: [wrapUp()] } });
      expect(await stage.told(streams)).toMatchObject({ answer: { text: ANSWER } });
      expect(stage.server.requests.at(-1)?.tools).toEqual([]);
      expect(stage.server.refusals).toEqual([]);
      expect((await stage.report()).interventions.map(({ rung }) => rung)).toContain('wrapUp');
    };
    it.each(both)('at the end of its budget, %s', (_, streams) => endsWith(searching(99), { budgets: { run: { steps: 8 } } }, streams));
    it.each(both)('out of a loop, %s', (_, streams) =>
      endsWith(
        searching(99, () => 'rain'),
        {},
        streams,
      ),
    );
  },
};

const handoffScene: Scene = {
  title: 'hands over to a person',
  play(set) {
    it.each(both)('whose words are the answer, %s', async (_, streams) => {
      const ladder = [handoff(({ task }) => `ticket for ${task}`)];
      const stage = await set({ script: searching(99), guard: { budgets: { run: { steps: 4 } }, ladder } });
      expect(await stage.told(streams)).toMatchObject({ answer: { text: `ticket for ${QUESTION}` } });
      expect(stage.server.requests.length).toBeLessThanOrEqual(4);
    });
  },
};

/** The one list. Each scene says what a user may rely on, whatever the host. */
export const scenes: Readonly<Record<SceneName, Scene>> = {
  budget: budgetScene,
  loop: loopScene,
  degrade: degradeScene,
  wrapUp: wrapUpScene,
  handoff: handoffScene,
  ...bookingScenes,
  same: sameScene,
};
