import { describe, expect, it, vi } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import type { ModelCall } from '../../../src/core/step.ts';
import { cachedAnswer } from '../../../src/ladder/cached-answer.ts';
import { cheaperModel } from '../../../src/ladder/cheaper-model.ts';
import { handoff } from '../../../src/ladder/handoff.ts';
import { heldBackCall } from '../../../src/ladder/held-back-call.ts';
import { notice } from '../../../src/ladder/notice.ts';
import type { Rung } from '../../../src/ladder/rung.ts';
import { summarizedHistory, type Summarize, type SummarizedHistoryOptions } from '../../../src/ladder/summarized-history.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { circling, host, listen, prices, searching, type Outcome } from '../../support/ladder-host.ts';

const tools = { search: (args: unknown) => `${JSON.stringify(args)} ${'tea leaves '.repeat(60)}` };

const pages = { search: (args: unknown) => `page ${JSON.stringify(args)}` };

/** A run of ten pages whose history is summarised from the start. */
async function summarised(options: SummarizedHistoryOptions, budget: { usd?: number; steps?: number } = {}) {
  const guard = createGuard({
    loops: 'off',
    minUseful: 2_000,
    budgets: { run: { usd: 1_000, ...budget } },
    ladder: [summarizedHistory({ at: 0, keepLast: 4, minTokens: 100, ...options })],
    prices,
  });
  const heard = listen(guard);
  const run = guard.start();
  const outcome: Outcome = await host({ script: searching(10), tools, maxOutputTokens: 20 })(run, 'Find tea.');
  await run.end();
  return { ...heard, outcome, report: run.report() };
}

const summariesIn = ({ wire }: Outcome): string[] =>
  wire.flatMap(({ messages = [] }) => messages.map(({ text }) => text)).filter((text) => text.startsWith('[Summary of'));

describe('a summary by a model', () => {
  it('is a metered step of the run, paid from the same budget', async () => {
    const summarize: Summarize = async (_messages, { maxTokens }) => ({
      text: `At most ${maxTokens}.`,
      usage: { inputTokens: 100, outputTokens: 10 },
    });
    const { outcome, report, errors } = await summarised({ summarize, model: 'cheap', maxTokens: 77 });
    expect(summariesIn(outcome)[0]).toContain('At most 77.');
    expect(errors).toEqual([]);
    const calls = report.models['cheap']?.calls ?? 0;
    expect(calls).toBeGreaterThan(0);
    expect(report.models['cheap']?.usage).toMatchObject({ inputTokens: 100 * calls, outputTokens: 10 * calls });
    expect(report.used.steps).toBe(outcome.offers.length + calls);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('model down')), 'model down'],
    ['answers nonsense', async () => 42 as never, 'must be a text'],
    ['calls tools instead', async () => ({ toolCalls: [{ name: 'search' }] }) as never, 'must be a text'],
    ['costs more than its budget', async () => ({ text: 'short', usage: { inputTokens: 10, outputTokens: 10 } }), 'has no room'],
  ] as [string, Summarize, string][])('changes nothing when the summariser %s', async (what, summarize, reason) => {
    const { outcome, errors, report } = await summarised(
      { summarize, ...(what.startsWith('costs') ? { model: 'dearest', maxTokens: 2_000 } : {}) },
      what.startsWith('costs') ? { usd: 150 } : {},
    );
    expect(outcome.answer).toBe('Assam is the cheapest.');
    expect(summariesIn(outcome)).toEqual([]);
    expect(errors[0]).toMatchObject({ hook: 'rung summarizedHistory', error: { message: expect.stringContaining(reason) } });
    expect(errors.length).toBeLessThanOrEqual(2);
    expect(report.interventions).toEqual([]);
    expect(report.halt).toBeUndefined();
  });

  it('is not waited for longer than it may take, and what it cost is booked', async () => {
    const clock = fakeClock();
    let asked = 0;
    const summarize: Summarize = () => {
      asked += 1;
      queueMicrotask(() => clock.advance(30_000));
      return new Promise(() => {});
    };
    const guard = createGuard({
      loops: 'off',
      ladder: [summarizedHistory({ at: 0, keepLast: 4, minTokens: 100, summarize })],
      prices,
      clock,
    });
    const { errors } = listen(guard);
    const run = guard.start();
    const outcome: Outcome = await host({ script: searching(10), tools })(run, 'Find tea.');
    await run.end();
    expect(outcome.answer).toBe('Assam is the cheapest.');
    expect(asked).toBe(2);
    expect(errors[0]?.error).toMatchObject({ message: expect.stringContaining('did not answer within 30000 ms') });
    expect(run.report().estimatedSteps).toBeGreaterThan(0);
    expect(run.report().held.steps).toBe(run.report().used.steps);
  });

  it('is refused without a price where dollars are limited, and the run goes on', async () => {
    const { outcome, errors } = await summarised({ summarize: async () => 'short', model: 'unheard-of' });
    expect(outcome.answer).toBe('Assam is the cheapest.');
    expect(errors[0]?.error).toMatchObject({ code: 'unpriced_model' });
  });
});

describe('rungs of users', () => {
  const call: ModelCall = {
    kind: 'model',
    model: 'dear',
    maxOutputTokens: 10,
    messages: [
      { role: 'user', text: 'x' },
      { role: 'assistant', text: '', toolCalls: [{ name: 'a', args: {}, id: '1' }] },
      { role: 'tool', text: 'y', toolCallId: '1' },
    ],
  };
  const offered = async (rung: Partial<Rung>) => {
    const guard = createGuard({ ladder: [{ name: 'mine', at: 0, offer: () => undefined, ...rung }], prices });
    const { errors, climbs } = listen(guard);
    const run = guard.start();
    const { offer } = await run.begin(call);
    await run.end();
    return { offer, errors, climbs };
  };

  it('change a call', async () => {
    const { offer, climbs } = await offered({ offer: () => ({ kind: 'edits', edits: { model: { name: 'cheap' } } }) });
    expect(offer).toMatchObject({ edits: { model: { name: 'cheap' } }, rungs: ['mine'] });
    expect(climbs).toHaveLength(1);
  });

  it.each([
    [
      'throw',
      () => {
        throw new Error('mine is broken');
      },
    ],
    [
      'tear a pair',
      () => ({
        kind: 'edits',
        edits: {
          messages: [
            { kind: 'keep', index: 0 },
            { kind: 'keep', index: 2 },
          ],
        },
      }),
    ],
    ['send no cap at all', () => ({ kind: 'edits', edits: { maxOutputTokens: 0 } })],
    ['give a note to a model', () => ({ kind: 'edits', edits: { note: 'x' } })],
  ] as [string, Rung['offer']][])('that %s are reported, and the call stays as it is', async (_what, offer) => {
    const made = await offered({ offer });
    expect(made.offer).toMatchObject({ kind: 'call', edits: {}, rungs: [] });
    expect(made.errors).toHaveLength(1);
    expect(made.errors[0]?.hook).toBe('rung mine');
    expect(made.climbs).toEqual([]);
  });

  it('that prepare and fail are as good as none', async () => {
    const lookup = vi.fn(() => Promise.reject(new Error('cache down')));
    const guard = createGuard({
      budgets: { run: { steps: 4 } },
      ladder: [cachedAnswer(lookup), handoff(() => Promise.reject(new Error('desk closed'))), wrapUp()],
    });
    const { errors } = listen(guard);
    const { answer } = await guard.run((run) =>
      host({ script: (turn, seen) => (seen.tools?.length ? searching(99)(turn) : { text: 'closing' }), tools })(run, 'Find tea.'),
    );
    expect(answer).toBe('closing');
    expect(errors.map(({ hook }) => hook)).toEqual(['rung cachedAnswer', 'rung handoff']);
  });

  it('are refused by name where they are none', () => {
    expect(() => createGuard({ ladder: [{ name: 'mine' }] as never })).toThrow(InvalidOptionError);
    expect(() => createGuard({ ladder: 'loose' as never })).toThrow(/ladder: expected 'gentle'/);
  });
});

describe('a ladder in shadow', () => {
  const rungs = [
    notice({ at: 0.3 }),
    cheaperModel('cheap', { at: 0.3 }),
    heldBackCall({ reuse: ['search'] }),
    handoff(() => 'never called'),
    wrapUp({ reserve: 0.5 }),
  ];

  it('changes nothing, and reports all', async () => {
    const play = async (ladder: { rungs: readonly Rung[]; shadow: true } | undefined) => {
      const guard = createGuard({ budgets: { run: { usd: 12, steps: 300 } }, prices, ...(ladder ? { ladder } : {}) });
      const heard = listen(guard);
      const run = guard.start();
      const outcome = await host({ script: searching(8), tools: pages, maxOutputTokens: 20 })(run, 'Find tea.').catch(
        (error: Error) => error.message,
      );
      await run.end();
      const { usage, used, halt } = run.report();
      return { outcome, usage, used, halt: halt?.reason, heard, interventions: run.report().interventions };
    };
    const bare = await play(undefined);
    const shadow = await play({ rungs, shadow: true });
    expect([shadow.outcome, shadow.usage, shadow.used, shadow.halt]).toEqual([bare.outcome, bare.usage, bare.used, bare.halt]);
    expect(shadow.heard.climbs.map(({ rung, isShadow }) => [rung, isShadow])).toEqual([
      ['notice', true],
      ['cheaperModel', true],
    ]);
    expect(shadow.interventions).toMatchObject([
      { rung: 'notice', isShadow: true },
      { rung: 'cheaperModel', isShadow: true },
    ]);
  });

  it('still halts at a limit and in a loop, and says how it would have ended', async () => {
    const guard = createGuard({ budgets: { run: { steps: 4 } }, ladder: 'shadow' });
    const { climbs } = listen(guard);
    await expect(guard.run((run) => host({ script: searching(99), tools })(run, 'Find tea.'))).rejects.toThrow(
      'steps 4 used, 1 asked, of 4',
    );
    expect(climbs.at(-1)).toMatchObject({ rung: 'wrapUp', isShadow: true });
    await expect(
      createGuard({ ladder: 'shadow' }).run((run) => host({ script: circling, tools: { search: () => 'nothing' } })(run, 'Find tea.')),
    ).rejects.toThrow(/came \d times/);
  });
});

describe('presets', () => {
  it.each(['gentle', 'standard', 'strict'] as const)('%s leaves a run alone that is well within its budget', async (ladder) => {
    const outcomes = await Promise.all(
      [undefined, ladder].map(async (preset) => {
        const guard = createGuard({ budgets: { run: { usd: 1_000, steps: 100 } }, prices, ...(preset ? { ladder: preset } : {}) });
        return guard.run((run) => host({ script: searching(6), tools: pages, maxOutputTokens: 20 })(run, 'Find tea.'));
      }),
    );
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it.each(['gentle', 'standard', 'strict'] as const)('%s ends a run with an answer', async (ladder) => {
    const guard = createGuard({ budgets: { run: { steps: 12 } }, ladder });
    const { answer } = await guard.run((run) =>
      host({ script: (turn, call) => (call.tools?.length ? searching(99)(turn) : { text: 'closing' }), tools })(run, 'Find tea.'),
    );
    expect(answer).toBe('closing');
  });
});
