import { describe, expect, it } from 'vitest';
import { LoopDetectedError } from '../../../src/core/errors.ts';
import { handoff } from '../../../src/ladder/handoff.ts';
import { heldBackCall } from '../../../src/ladder/held-back-call.ts';
import { notice } from '../../../src/ladder/notice.ts';
import { summarizedHistory } from '../../../src/ladder/summarized-history.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import { circling, host, listen } from '../../support/ladder-host.ts';

const tools = { search: () => `nothing found ${'.'.repeat(400)}` };

describe('loop pressure', () => {
  it('halts as ever where the ladder has no way to end', async () => {
    const guard = createGuard({ ladder: [notice({ at: 1 })] });
    await expect(guard.run((run) => host({ script: circling, tools })(run, 'Find tea.'))).rejects.toThrow(LoopDetectedError);
  });

  it('tells the model of the loop at the end of its messages, once', async () => {
    const guard = createGuard({ ladder: [notice(), wrapUp()] });
    await guard.run(async (run) => {
      const { wire } = await host({ script: circling, tools })(run, 'Find tea.');
      const told = wire.map(({ messages = [] }) => messages.filter(({ text }) => text.startsWith('[Notice] You are repeating')).length);
      expect(told.reduce((sum, count) => sum + count, 0)).toBe(1);
      expect(wire[told.indexOf(1)]?.messages?.at(-1)?.text).toContain('You are repeating yourself: tool search came');
    });
  });

  it('lets a model that listens go on, and leaves it alone from then on', async () => {
    const guard = createGuard({ ladder: [notice(), wrapUp()] });
    await guard.run(async (run) => {
      const { answer, wire } = await host({
        script: (turn, call) => {
          const isTold = call.messages?.at(-1)?.text.startsWith('[Notice]');
          return isTold ? { text: 'I stop here: there is no tea.' } : circling(turn, call);
        },
        tools,
      })(run, 'Find tea.');
      expect(answer).toBe('I stop here: there is no tea.');
      expect(wire.length).toBeLessThan(6);
      expect(run.report().halt).toBeUndefined();
    });
  });

  it('answers a repeated call from its earlier result, without running it', async () => {
    const guard = createGuard({ ladder: [heldBackCall({ reuse: ['search'], most: 100 }), wrapUp()] });
    const { climbs } = listen(guard);
    await guard.run(async (run) => {
      const { ran, messages, offers } = await host({ script: circling, tools })(run, 'Find tea.');
      const heldBack = offers.filter((offer) => offer.kind === 'answer' && offer.from === 'heldBackCall');
      expect(heldBack.length).toBeGreaterThan(0);
      expect(ran).toHaveLength(3);
      expect(messages.some(({ text }) => /^nothing found.*Not run again/s.test(text))).toBe(true);
      expect(run.report().halt?.cause).toBe('loop');
      expect(climbs.filter(({ rung }) => rung === 'heldBackCall')).toHaveLength(heldBack.length);
      // An answer of the guard is a step, but no call of the tool.
      expect(run.report().used.toolCalls).toBe(3);
      expect(run.report().used.steps).toBe(offers.length - messages.filter(({ text }) => text.startsWith('[Not run:')).length);
    });
  });

  it('takes away a tool that is asked for all the same', async () => {
    const guard = createGuard({ loops: { warnAt: 3, haltAt: 20 }, ladder: [heldBackCall({ reuse: ['search'], most: 2, awayFor: 1 })] });
    await guard.run(async (run) => {
      const { wire, answer } = await host({ script: circling, tools: { ...tools, buy: () => 'bought' } })(run, 'Find tea.');
      // Without its tool the model of this test asks for it in vain, and is then taken at its word.
      expect(wire.at(-1)?.tools).toEqual([{ type: 'function', function: { name: 'buy' } }]);
      expect(answer).toBe('');
    });
  });

  it('summarises a history that goes in circles, with what was tried in vain', async () => {
    const guard = createGuard({ ladder: [summarizedHistory({ keepLast: 2, minTokens: 50 }), wrapUp()] });
    await guard.run(async (run) => {
      const { wire } = await host({ script: circling, tools })(run, 'Find tea.');
      const texts = wire.flatMap(({ messages = [] }) => messages.map(({ text }) => text));
      expect(
        texts.some((text) => text.startsWith('[Summary of') && text.includes('Tried in vain') && text.includes('search({"q":"tea"})')),
      ).toBe(true);
      expect(wire.every(({ messages = [] }) => messages.some(({ text }) => text === 'Find tea.'))).toBe(true);
    });
  });

  it('ends a run that does not listen with an answer, and says why', async () => {
    const guard = createGuard({ ladder: [notice(), wrapUp()] });
    const { halts } = listen(guard);
    await guard.run(async (run) => {
      const { answer, wire, offers } = await host({ script: circling, tools })(run, 'Find tea.');
      expect(answer).toBe('That is all I have.');
      expect(wire.at(-1)?.tools).toEqual([]);
      expect(offers.at(-1)).toMatchObject({ isClosing: true, rungs: expect.arrayContaining(['wrapUp']) });
      expect(run.haltError).toBeUndefined();
      expect(run.report()).toMatchObject({ halt: { cause: 'loop', verdict: { level: 'halt', kind: 'repeat' } } });
      expect(run.report().interventions.at(-1)).toMatchObject({ rung: 'wrapUp', pressure: 'loop' });
    });
    expect(halts).toHaveLength(1);
  });

  it('answers the tool calls that are still asked for, so that the conversation stays valid', async () => {
    const guard = createGuard({ ladder: [wrapUp()] });
    await guard.run(async (run) => {
      const { messages, answer } = await host({
        script: (turn, call) =>
          call.tools?.length
            ? { toolCalls: Array.from({ length: 4 }, (_, nth) => ({ name: 'search', args: { q: 'tea' }, id: `${turn}-${nth}` })) }
            : { text: 'Enough.' },
        tools,
      })(run, 'Find tea.');
      expect(answer).toBe('Enough.');
      expect(messages.filter(({ role }) => role === 'tool').length % 4).toBe(0);
    });
  });

  it('halts a workflow that calls nothing but tools, after some answers', async () => {
    const guard = createGuard({ ladder: [wrapUp()], budgets: { run: { toolCalls: 3 } } });
    await expect(
      guard.run(async (run) => {
        for (let nth = 0; nth < 1_000; nth += 1)
          await run.step({ kind: 'tool', name: 'fetch', args: { nth } }, async () => ({ output: `page ${nth}` }));
      }),
    ).rejects.toThrow('toolCalls 3 used, 1 asked, of 3');
  });

  it('goes when the answer to the same question changes', async () => {
    let asked = 0;
    const guard = createGuard({
      ladder: [notice(), heldBackCall({ reuse: () => false }), summarizedHistory({ keepLast: 2, minTokens: 10 })],
    });
    await guard.run(async (run) => {
      const { offers } = await host({
        script: (turn, call) => (turn < 6 ? circling(turn, call) : { text: 'done' }),
        tools: { search: () => ((asked += 1) <= 3 ? 'nothing found' : `found tea number ${'abcdefgh'.slice(0, asked)} and more of it`) },
      })(run, 'Find tea.');
      const last = offers.at(-1);
      expect(offers.some((offer) => offer.kind === 'call' && offer.rungs.length > 0)).toBe(true);
      expect(last?.kind === 'call' && last.rungs).toEqual([]);
    });
  });

  it('goes when the run has long turned to something else', async () => {
    const guard = createGuard({ ladder: [summarizedHistory({ keepLast: 2, minTokens: 10 })] });
    await guard.run(async (run) => {
      const { offers } = await host({
        script: (turn, call) =>
          turn < 3
            ? circling(turn, call)
            : turn < 8
              ? { toolCalls: [{ name: 'read', args: { file: `chapter-${'abcdefgh'[turn]}` }, id: `r${turn}` }] }
              : { text: 'done' },
        tools: {
          ...tools,
          read: (args) =>
            `${JSON.stringify(args)} is about ${['rain', 'tigers', 'gold', 'ships', 'bread', 'kings'][((args as { file: string }).file.charCodeAt(8) ?? 0) % 6]}`,
        },
      })(run, 'Find tea.');
      const shaped = offers.map((offer) => offer.kind === 'call' && offer.rungs.length > 0);
      expect(shaped).toContain(true);
      expect(shaped.at(-1)).toBe(false);
    });
  });

  it('hands a run over that goes in circles, where that is the way to end', async () => {
    const guard = createGuard({ ladder: [handoff(({ reason, verdicts, task }) => `${task} ${reason} ${verdicts.length}`)] });
    const { answer } = await guard.run((run) => host({ script: circling, tools })(run, 'Find tea.'));
    expect(answer).toMatch(/^Find tea\. tool search came \d times.* [1-9]/);
  });

  it('halts at once for a door that can only stop', async () => {
    const guard = createGuard({ ladder: [wrapUp()] });
    await expect(guard.run((run) => host({ script: circling, tools, canEdit: false })(run, 'Find tea.'))).rejects.toThrow(
      LoopDetectedError,
    );
  });
});
