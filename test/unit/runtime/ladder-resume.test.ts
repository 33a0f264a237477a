import { describe, expect, it, vi } from 'vitest';
import { BudgetExceededError, HaltedByPersonError } from '../../../src/core/errors.ts';
import { handoff, type HandOver } from '../../../src/ladder/handoff.ts';
import { resumeRun, stopRun } from '../../../src/ladder/run-decision.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import type { GuardOptions } from '../../../src/runtime/options.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { circling, host, listen, searching } from '../../support/ladder-host.ts';

const tools = { search: (args: unknown) => `page ${JSON.stringify(args)}` };

const guardWith = (person: HandOver, options: Omit<GuardOptions<string>, 'fallback' | 'ladder'> = {}) =>
  createGuard({ budgets: { run: { steps: 6 } }, ...options, ladder: [handoff(person)] });

describe('a run that was handed over', () => {
  it('goes on with a raised limit, where it stood', async () => {
    const person = vi.fn(() => resumeRun({ limits: { steps: 40 } }));
    const guard = guardWith(person);
    const { halts, climbs } = listen(guard);
    await guard.run(async (run) => {
      const { answer } = await host({ script: searching(8), tools })(run, 'Find tea.');
      expect(answer).toBe('Assam is the cheapest.');
      expect(run.report().used.steps).toBe(17);
      expect(run.report().halt).toBeUndefined();
      expect(run.report().interventions).toMatchObject([
        { rung: 'handoff', detail: expect.stringContaining('a person let the run go on') },
      ]);
    });
    expect(person).toHaveBeenCalledOnce();
    expect(halts).toEqual([]);
    expect(climbs).toHaveLength(1);
  });

  it('goes on with a raised limit of its own budget, also from a run inside it', async () => {
    const guard = guardWith(() => resumeRun({ limits: { steps: 40 } }), { budgets: {} });
    await guard.run({ budgets: { run: { steps: 6 } } }, async () => {
      const { answer } = await guard.run((inner) => host({ script: searching(8), tools })(inner, 'Find tea.'));
      expect(answer).toBe('Assam is the cheapest.');
    });
  });

  it("goes on with a person's words, which the model sees from then on", async () => {
    const guard = guardWith(() => resumeRun({ words: 'There is no tea. Look for coffee.' }), { budgets: {} });
    await guard.run(async (run) => {
      let heardAt: number | undefined;
      const { answer, wire } = await host({
        script: (turn, call) => {
          if (!call.messages?.some(({ text }) => text.includes('Look for coffee'))) return circling(turn, call);
          heardAt ??= turn;
          return turn < heardAt + 2
            ? { toolCalls: [{ name: 'search', args: { q: `coffee ${turn}` }, id: `c${turn}` }] }
            : { text: 'Arabica.' };
        },
        tools,
      })(run, 'Find tea.');
      expect(answer).toBe('Arabica.');
      const heard = wire.slice(heardAt);
      expect(heard).toHaveLength(3);
      const places = heard.map(({ messages = [] }) => messages.findIndex(({ text }) => text.includes('Look for coffee')));
      expect(new Set(places).size).toBe(1);
      expect(run.report().halt).toBeUndefined();
    });
  });

  it('has a fresh window for its loop, and not for ever', async () => {
    const person = vi.fn(() => resumeRun());
    const guard = guardWith(person, { budgets: {} });
    await expect(guard.run((run) => host({ script: circling, tools })(run, 'Find tea.'))).rejects.toThrow(/came \d times/);
    expect(person).toHaveBeenCalledTimes(3);
  });

  it('is halted when the limit was not raised enough, however often', async () => {
    const person = vi.fn(() => resumeRun({ limits: { steps: 6 } }));
    await expect(guardWith(person).run((run) => host({ script: searching(20), tools })(run, 'Find tea.'))).rejects.toThrow(
      BudgetExceededError,
    );
    expect(person).toHaveBeenCalledTimes(3);
  });

  it('is stopped when the person says so', async () => {
    const stopped = guardWith(() => stopRun('not worth it')).run((run) => host({ script: searching(20), tools })(run, 'Find tea.'));
    await expect(stopped).rejects.toThrow(HaltedByPersonError);
    await expect(stopped).rejects.toThrow('not worth it');
  });

  it('has its own hand-off beside those of the runs inside it', async () => {
    const person = vi.fn<HandOver>(({ runId }) => `answered ${runId}`);
    const guard = guardWith(person, { budgets: {} });
    await guard.run({ id: 'outer', budgets: { run: { steps: 8 } } }, async (outer) => {
      const play = host({ script: searching(20), tools });
      const inner = await guard.run({ id: 'inner', budgets: { run: { steps: 4 } } }, (run) => play(run, 'Find tea.'));
      expect(inner.answer).toBe('answered inner');
      expect((await play(outer, 'Find tea.')).answer).toBe('answered outer');
    });
    expect(person).toHaveBeenCalledTimes(2);
  });

  it('asks one person for calls that are made at the same time', async () => {
    const person = vi.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return resumeRun({ limits: { steps: 5 }, words: 'Be quick.' });
    });
    const guard = guardWith(person, { budgets: { run: { steps: 0 } } });
    const run = guard.start();
    const call = () => run.begin({ kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text: 'tea?' }] });
    const steps = await Promise.all([call(), call(), call()]);
    expect(person).toHaveBeenCalledOnce();
    for (const { offer } of steps)
      expect(offer).toMatchObject({ edits: { messages: [{ kind: 'keep' }, { kind: 'insert', text: 'Be quick.' }] } });
    expect(run.report().halt).toBeUndefined();
  });

  it('does not take a limit that is none', async () => {
    const guard = guardWith(() => resumeRun({ limits: { steps: -1 } }));
    const { errors } = listen(guard);
    await expect(guard.run((run) => host({ script: searching(20), tools })(run, 'Find tea.'))).rejects.toThrow(BudgetExceededError);
    expect(errors[0]?.error).toMatchObject({ code: 'invalid_option' });
  });

  it('does not grow older while it waits for a person', async () => {
    const clock = fakeClock();
    const person: HandOver = async () => {
      clock.advance(20_000);
      return resumeRun({ limits: { steps: 40 } });
    };
    const guard = guardWith(person, { budgets: { run: { steps: 6, duration: '10s' } as never }, clock });
    const { answer } = await guard.run((run) => host({ script: searching(8), tools })(run, 'Find tea.'));
    expect(answer).toBe('Assam is the cheapest.');
  });
});
