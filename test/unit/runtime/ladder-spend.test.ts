import { describe, expect, it, vi } from 'vitest';
import { BudgetExceededError } from '../../../src/core/errors.ts';
import { cachedAnswer } from '../../../src/ladder/cached-answer.ts';
import { cheaperModel } from '../../../src/ladder/cheaper-model.ts';
import { handoff } from '../../../src/ladder/handoff.ts';
import { notice } from '../../../src/ladder/notice.ts';
import { shorterReplies } from '../../../src/ladder/shorter-replies.ts';
import { summarizedHistory } from '../../../src/ladder/summarized-history.ts';
import { trimmedContext } from '../../../src/ladder/trimmed-context.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { createGuard, type Guard } from '../../../src/runtime/guard.ts';
import type { GuardOptions } from '../../../src/runtime/options.ts';
import { memoryStore } from '../../../src/stores/memory-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { type Outcome, host, listen, prices, searching } from '../../support/ladder-host.ts';

const tools = { search: ({ page }: { page: number }) => `page ${page}: ${'tea '.repeat(20)}` } as Record<
  string,
  (args: unknown) => unknown
>;

/** The memory store as one that must be asked over a wire. */
const remote = (store = memoryStore()): Store => ({
  name: 'remote',
  reserve: async (request) => store.reserve(request),
  settle: async (request) => store.settle(request),
  extend: async (id, ttlMs) => store.extend(id, ttlMs),
  read: async (account) => store.read(account),
  adjust: async (account, adjustment) => store.adjust(account, adjustment),
  list: async (query) => store.list(query),
  erase: async (account) => store.erase(account),
});

describe('a run without a ladder', () => {
  it('is offered every call as it is, and halted at its limit', async () => {
    const guard = createGuard({ budgets: { run: { steps: 5 } }, prices });
    const seen = vi.fn();
    await expect(
      guard.run(async (run) => host({ script: searching(9), tools })(run, 'Find tea.').finally(() => seen(run.report()))),
    ).rejects.toThrow('steps 5 used, 1 asked, of 5');
    expect(seen.mock.calls[0]?.[0].interventions).toEqual([]);
  });
});

describe.each([
  ['in this process', memoryStore],
  ['far away', () => remote()],
] as [string, () => Store][])('spend pressure, with a store %s', (_where, makeStore) => {
  const guardOf = (options: Omit<GuardOptions<string>, 'fallback'>): Guard<string> => {
    return createGuard({ prices, loops: 'off', store: makeStore(), ...options });
  };

  it('climbs to the cheaper model at its threshold, and says so once', async () => {
    const guard = guardOf({ budgets: { run: { usd: 10 } }, ladder: [cheaperModel('cheap', { at: 0.5 })] });
    const { climbs } = listen(guard);
    await guard.run(async (run) => {
      const { wire, answer } = await host({ script: searching(8), tools, maxOutputTokens: 20 })(run, 'Find tea.');
      expect(answer).toBe('Assam is the cheapest.');
      const models = wire.map(({ model }) => model);
      expect(models[0]).toBe('dear');
      expect(models.at(-1)).toBe('cheap');
      expect(models.toSorted().toReversed()).toEqual(models);
      const { interventions, models: used, halt } = run.report();
      expect(interventions).toHaveLength(1);
      expect(interventions[0]).toMatchObject({
        rung: 'cheaperModel',
        pressure: 'spend',
        detail: expect.stringMatching(/^usd of the run at \d+ %: cheap in place of dear$/),
      });
      expect(used['cheap']?.calls).toBe(models.filter((model) => model === 'cheap').length);
      expect(halt).toBeUndefined();
    });
    expect(climbs).toHaveLength(1);
    expect(climbs[0]).toMatchObject({ rung: 'cheaperModel', isShadow: false });
  });

  it('lets a first request start lower, when the whole would not do', async () => {
    const guard = guardOf({ budgets: { run: { usd: 1 } }, ladder: [cheaperModel('cheap'), shorterReplies({ maxOutputTokens: 100 })] });
    await guard.run(async (run) => {
      const step = await run.begin({ kind: 'model', model: 'dear', messages: [{ role: 'user', text: 'hello' }] });
      expect(step.offer).toMatchObject({
        rungs: ['cheaperModel', 'shorterReplies'],
        edits: { model: { name: 'cheap' }, maxOutputTokens: 100 },
      });
      await step.release();
    });
  });

  it.each([['unheard-of'], ['dearest'], ['dear']])('does not climb to %s, and does not say that it did', async (to) => {
    const guard = guardOf({ budgets: { run: { usd: 2 } }, ladder: [cheaperModel(to, { at: 0 })] });
    const { climbs, errors } = listen(guard);
    await guard.run(async (run) => {
      const { wire } = await host({ script: searching(0), maxOutputTokens: 20 })(run, 'Find tea.');
      expect(wire[0]?.model).toBe('dear');
    });
    expect([climbs, errors]).toEqual([[], []]);
  });

  it('climbs down when the limit was raised', async () => {
    const guard = guardOf({ budgets: { user: { usd: 3, window: 'day' } }, ladder: [cheaperModel('cheap', { at: 0.5 })] });
    await guard.run({ scopes: { user: 'u1' } }, async (run) => {
      const { wire } = await host({
        script: async (turn) => {
          if (turn === 5) await guard.adjust('user', 'u1', { usd: 100 });
          return searching(7)(turn);
        },
        tools,
        maxOutputTokens: 20,
      })(run, 'Find tea.');
      expect(wire[5]?.model).toBe('cheap');
      expect(wire.at(-1)?.model).toBe('dear');
    });
  });

  it('looks at the accounts that are shared, but only at those that are named', async () => {
    const cheaper = { at: 0.2 };
    const modelsOf = async (guard: ReturnType<typeof guardOf>, times: number) =>
      guard.run({ scopes: { user: 'u1' } }, async (run) => {
        const { wire } = await host({ script: searching(times), tools, maxOutputTokens: 20 })(run, 'Find tea.');
        return wire.map(({ model }) => model);
      });
    const usual = guardOf({ budgets: { user: { usd: 10 } }, ladder: [cheaperModel('cheap', cheaper)] });
    expect((await modelsOf(usual, 14))[0]).toBe('dear');
    expect(await modelsOf(usual, 0)).toEqual(['cheap']);
    const unnamed = guardOf({ budgets: { global: { usd: 10 } }, ladder: [cheaperModel('cheap', cheaper)] });
    await modelsOf(unnamed, 4);
    expect(await modelsOf(unnamed, 0)).toEqual(['dear']);
    const named = guardOf({ budgets: { global: { usd: 10 } }, ladder: [cheaperModel('cheap', { ...cheaper, scopes: ['global'] })] });
    await modelsOf(named, 14);
    expect(await modelsOf(named, 0)).toEqual(['cheap']);
  });

  it('climbs only rungs that relieve what is short', async () => {
    const guard = guardOf({
      budgets: { run: { usd: 1_000, steps: 10 } },
      ladder: [cheaperModel('cheap', { at: 0.5 }), notice({ at: 0.5 })],
    });
    await guard.run(async (run) => {
      const { wire } = await host({ script: searching(4), tools, maxOutputTokens: 20 })(run, 'Find tea.');
      expect(wire.every(({ model }) => model === 'dear')).toBe(true);
      expect(run.report().interventions.map(({ rung }) => rung)).toEqual(['notice']);
      expect(run.report().interventions[0]?.detail).toContain('steps of the run at 50 %');
    });
    const ending = guardOf({ budgets: { run: { usd: 1_000, steps: 5 } }, ladder: [cheaperModel('cheap', { at: 0.5 }), wrapUp()] });
    const { wire } = await ending.run((run) => host({ script: searching(99), tools, maxOutputTokens: 20 })(run, 'Find tea.'));
    expect(wire.at(-1)).toMatchObject({ model: 'dear', tools: [] });
  });

  it('shortens, trims and summarises as tokens run low, and the conversation stays valid', async () => {
    const guard = guardOf({
      loops: 'off',
      budgets: { run: { tokens: 30_000 } },
      ladder: [
        shorterReplies({ at: 0.3, maxOutputTokens: 50 }),
        trimmedContext({ at: 0.4, resultTokens: 50, keepLast: 2 }),
        summarizedHistory({ at: 0.6, keepLast: 4, minTokens: 100 }),
      ],
    });
    const long = { search: (args: unknown) => `${JSON.stringify(args)} ${'word '.repeat(800)}` };
    await guard.run(async (run) => {
      const { wire, answer } = await host({ script: searching(14), tools: long, model: 'unpriced', maxOutputTokens: 400 })(
        run,
        'Find tea.',
      );
      expect(answer).toBe('Assam is the cheapest.');
      expect(run.report().interventions.map(({ rung }) => rung)).toEqual(
        expect.arrayContaining(['shorterReplies', 'trimmedContext', 'summarizedHistory']),
      );
      expect(wire.at(-1)?.maxOutputTokens).toBeLessThanOrEqual(50);
      const texts = wire.at(-1)?.messages?.map(({ text }) => text) ?? [];
      expect(texts).toContain('Find tea.');
      expect(texts.some((text) => text.startsWith('[Summary of'))).toBe(true);
      expect(run.report().used.tokens).toBeLessThanOrEqual(30_000);
    });
  });

  it('ends with an answer from the slice that was kept back, without tools, and nothing after it', async () => {
    const guard = guardOf({ budgets: { run: { steps: 10 } }, ladder: [wrapUp()] });
    const { halts, climbs } = listen(guard);
    const run = guard.start();
    const { answer, wire, ran } = await host({
      script: (turn, call) => (call.tools?.length ? searching(99)(turn) : { text: 'This is what I have.' }),
      tools,
    })(run, 'Find tea.');
    expect(answer).toBe('This is what I have.');
    expect(wire.at(-1)?.tools).toEqual([]);
    expect(wire.at(-1)?.messages?.at(-1)?.text).toContain('Give your final answer now');
    expect(ran).toHaveLength(4);
    expect(run.signal.aborted).toBe(false);
    expect(run.haltError).toBeUndefined();
    expect(run.report().used.steps).toBeLessThanOrEqual(10);
    expect(run.report().halt).toMatchObject({ cause: 'budget', denial: { dimension: 'steps' } });
    expect(halts).toHaveLength(1);
    expect(climbs.map(({ rung }) => rung)).toContain('wrapUp');
    const error = await run.begin({ kind: 'model', model: 'dear', messages: [] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(run.haltError).toBe(error);
    expect(guard.lastHalt()).toBe(error);
    expect(halts).toHaveLength(1);
    await run.end();
  });

  it('tells the agent that a tool was not run, and closes with its next model call', async () => {
    const guard = guardOf({ budgets: { run: { toolCalls: 2 } }, ladder: [wrapUp()] });
    await guard.run(async (run) => {
      const { messages, ran, answer, offers } = await host({
        script: (turn, call) => (call.tools?.length ? searching(99)(turn) : { text: 'Two pages.' }),
        tools,
      })(run, 'Find tea.');
      expect(answer).toBe('Two pages.');
      expect(ran).toHaveLength(2);
      expect(messages.find(({ text }) => text.startsWith('[Not run'))).toMatchObject({ role: 'tool' });
      expect(offers.at(-1)).toMatchObject({ kind: 'call', isClosing: true });
      expect(run.report().halt?.denial?.dimension).toBe('toolCalls');
    });
  });

  it('answers from what was found where even the slice cannot pay the call', async () => {
    const guard = guardOf({ budgets: { run: { usd: 2 } }, ladder: [wrapUp({ reserve: 0 })] });
    await guard.run(async (run) => {
      const { answer, offers } = await host({ script: searching(99), tools, maxOutputTokens: 20 })(run, 'Find tea.');
      expect(answer).toContain('could not be finished: run budget exceeded');
      expect(answer).toContain('page 0');
      expect(offers.at(-1)).toMatchObject({ kind: 'answer', from: 'wrapUp', isClosing: true });
      expect(run.report().used.usd).toBeLessThanOrEqual(2);
    });
  });

  it('hands over when no closing call can be paid, and only then', async () => {
    const openTicket = vi.fn(() => 'ticket 7');
    const broke = guardOf({ budgets: { run: { usd: 2 } }, ladder: [wrapUp({ reserve: 0 }), handoff(openTicket)] });
    expect(
      await broke.run(async (run) => (await host({ script: searching(99), tools, maxOutputTokens: 20 })(run, 'Find tea.')).answer),
    ).toBe('ticket 7');
    expect(openTicket).toHaveBeenCalledOnce();
    const solvent = guardOf({ budgets: { run: { steps: 6 } }, ladder: [wrapUp(), handoff(openTicket)] });
    await solvent.run(async (run) => host({ script: searching(99), tools })(run, 'Find tea.'));
    expect(openTicket).toHaveBeenCalledOnce();
  });

  it('asks the cache before refusing', async () => {
    const guard = guardOf({ budgets: { run: { steps: 3 } }, ladder: [cachedAnswer((task) => `cached: ${task}`)] });
    expect(await guard.run(async (run) => (await host({ script: searching(99), tools })(run, 'Find tea.')).answer)).toBe(
      'cached: Find tea.',
    );
  });

  it('does not let a run inside another use what that one keeps back', async () => {
    const guard = guardOf({ budgets: { run: { steps: 10 } }, ladder: [wrapUp({ reserve: 0.2 })] });
    await guard.run(async (outer) => {
      const script = (turn: number, call: { tools?: readonly unknown[] | undefined }) =>
        call.tools?.length ? searching(99)(turn) : { text: 'closing' };
      const inner: Outcome = await guard.run(async (run) => host({ script, tools })(run, 'Find tea.'));
      expect(inner.offers.at(-1)).toMatchObject({ kind: 'answer', from: 'wrapUp' });
      expect(outer.report().used.steps).toBe(8);
      const last = await host({ script, tools })(outer, 'Find tea.');
      expect(last.answer).toBe('closing');
    });
  });

  it('is held back by doors: what they cannot do is not climbed', async () => {
    const options = {
      budgets: { run: { usd: 100 } },
      ladder: [cheaperModel('cheap', { at: 0 }), shorterReplies({ at: 0, maxOutputTokens: 20 })],
    };
    const call = { kind: 'model', model: 'dear', messages: [{ role: 'user', text: 'hello' }] } as const;
    const rungsFor = async (canEdit: NonNullable<Parameters<typeof host>[0]['canEdit']>) => {
      const run = guardOf(options).start();
      const { offer } = await run.begin(call, { canEdit });
      await run.end();
      return offer.kind === 'call' ? { rungs: offer.rungs, edits: Object.keys(offer.edits) } : undefined;
    };
    expect(await rungsFor(false)).toMatchObject({ rungs: [] });
    expect((await rungsFor(['model']))?.rungs).toEqual(['cheaperModel']);
    expect(await rungsFor(['messages'])).toMatchObject({ rungs: ['shorterReplies'] });
    expect((await rungsFor(true))?.rungs).toEqual(['cheaperModel', 'shorterReplies']);
  });

  it('halts for a door that can only stop', async () => {
    const guard = guardOf({ budgets: { run: { steps: 5 } }, ladder: [wrapUp()] });
    await expect(guard.run((run) => host({ script: searching(99), tools, canEdit: false })(run, 'Find tea.'))).rejects.toThrow(
      BudgetExceededError,
    );
  });
});

describe('an offer whose time has passed', () => {
  it('is refused by the store itself, when others have spent what this process does not know of', async () => {
    const shared = memoryStore();
    const guardHere = () =>
      createGuard({
        budgets: { user: { usd: 10 } },
        store: remote(shared),
        ladder: [cheaperModel('cheap', { at: 0.5 })],
        prices,
        loops: 'off',
      });
    const [here, there] = [guardHere(), guardHere()];
    const call = { kind: 'model', model: 'dear', messages: [{ role: 'user', text: 'x' }], maxOutputTokens: 5 } as const;
    const spend = async (guard: Guard, outputTokens: number) =>
      guard.run({ scopes: { user: 'u1' } }, async (run) => {
        const step = await run.begin(call);
        await step.end({ text: 'y' }, { inputTokens: 1, outputTokens });
        return step.offer.kind === 'call' ? step.offer.rungs : undefined;
      });
    expect(await spend(here, 1)).toEqual([]);
    expect(await spend(there, 600)).toEqual([]);
    expect(await spend(here, 1)).toEqual(['cheaperModel']);
  });
});

describe('the closing call', () => {
  it('leaves the error of the halt when it fails, and the fallback is asked', async () => {
    const options = { budgets: { run: { steps: 6 } }, ladder: [wrapUp()], prices } as const;
    const script = (turn: number, call: { tools?: readonly unknown[] | undefined }) =>
      call.tools?.length ? searching(99)(turn) : Promise.reject(new Error('503'));
    await expect(createGuard(options).run((run) => host({ script, tools })(run, 'Find tea.'))).rejects.toThrow(BudgetExceededError);
    const kind = createGuard({ ...options, fallback: ({ cause }) => `sorry: ${cause}` });
    expect(await kind.run(async (run) => (await host({ script, tools })(run, 'Find tea.')).answer)).toBe('sorry: budget');
  });

  it('may be tried again by a layer inside, and may use the slice for it', async () => {
    const guard = createGuard({ budgets: { run: { steps: 4, modelCalls: 6 } }, ladder: [wrapUp({ reserve: 0.4 })], prices });
    const run = guard.start();
    const call = { kind: 'model', model: 'dear', messages: [{ role: 'user', text: 'x' }], maxOutputTokens: 5 } as const;
    for (let nth = 0; nth < 2; nth += 1) await (await run.begin(call)).end({ text: `${nth}` }, { inputTokens: 1, outputTokens: 1 });
    const closing = await run.begin(call);
    expect(closing.offer).toMatchObject({ isClosing: true });
    await closing.within(async () => {
      await (await run.begin(call, { key: 'a' })).fail(new Error('503'));
      await (await run.begin(call, { key: 'b' })).end({ text: 'done' }, { inputTokens: 1, outputTokens: 1 });
    });
    await closing.end({ text: 'done' });
    expect(run.signal.aborted).toBe(false);
    await run.end();
    expect(run.report().halt?.cause).toBe('budget');
  });

  it('is not aborted by a step beside it that comes too late', async () => {
    const guard = createGuard({ budgets: { run: { steps: 2 } }, ladder: [wrapUp()], prices });
    const run = guard.start();
    const call = { kind: 'model', model: 'dear', messages: [], maxOutputTokens: 5 } as const;
    await (await run.begin(call)).end({ text: 'x' }, { inputTokens: 1, outputTokens: 1 });
    const closing = await run.begin(call);
    await expect(run.begin(call)).rejects.toThrow(BudgetExceededError);
    expect(run.signal.aborted).toBe(false);
    await closing.end({ text: 'the answer' }, { inputTokens: 1, outputTokens: 1 });
    await expect(run.begin(call)).rejects.toThrow(BudgetExceededError);
    expect(run.signal.aborted).toBe(true);
    await run.end();
  });
});

describe('answers of the guard', () => {
  it('cost nothing, and are seen as what they are', async () => {
    const guard = createGuard({ budgets: { run: { steps: 5 } }, ladder: [cachedAnswer(() => 'cached', { isFirst: true })], prices });
    const outcomes: string[] = [];
    guard.on('step:end', ({ step }) => void outcomes.push(step.outcome));
    await guard.run(async (run) => {
      const { answer } = await host({ script: searching(3), tools })(run, 'Find tea.');
      expect(answer).toBe('cached');
      const { used, estimatedSteps, unpricedCalls, halt, interventions } = run.report();
      expect(used).toMatchObject({ steps: 1, modelCalls: 0, usd: 0, tokens: 0 });
      expect([estimatedSteps, unpricedCalls, halt]).toEqual([0, 0, undefined]);
      expect(interventions).toHaveLength(1);
    });
    expect(outcomes).toEqual(['answered']);
  });
});
