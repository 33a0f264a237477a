import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HaltError } from '../../src/core/errors.ts';
import { cheaperModel } from '../../src/ladder/cheaper-model.ts';
import { handoff, type HandOver } from '../../src/ladder/handoff.ts';
import { heldBackCall } from '../../src/ladder/held-back-call.ts';
import type { InputOptions } from '../../src/ladder/input-option.ts';
import { notice } from '../../src/ladder/notice.ts';
import { resumeRun } from '../../src/ladder/run-decision.ts';
import type { Rung } from '../../src/ladder/rung.ts';
import { shorterReplies } from '../../src/ladder/shorter-replies.ts';
import { summarizedHistory } from '../../src/ladder/summarized-history.ts';
import { trimmedContext } from '../../src/ladder/trimmed-context.ts';
import { wrapUp } from '../../src/ladder/wrap-up.ts';
import { createGuard } from '../../src/runtime/guard.ts';
import { host, prices, type Outcome, type Turn } from '../support/ladder-host.ts';

const TASK = 'THE TASK is to find tea.';

/** What an agent does in one turn: asks something new, asks the same again, asks many things at once, talks, or answers. */
const move = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('new' as const), size: fc.integer({ min: 1, max: 400 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('same' as const), size: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('many' as const), size: fc.integer({ min: 2, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('long' as const), size: fc.integer({ min: 1, max: 200 }) }) },
);

const at = fc.constantFrom(0, 0.2, 0.5, 0.8);
const rung: fc.Arbitrary<Rung> = fc.oneof(
  at.map((from) => notice({ at: from })),
  at.map((from) => cheaperModel(['cheap'], { at: from })),
  at.map((from) => shorterReplies({ at: from, maxOutputTokens: 40 })),
  at.map((from) => trimmedContext({ at: from, resultTokens: 40, keepLast: 2 })),
  at.map((from) => summarizedHistory({ at: from, keepLast: 3, minTokens: 40, maxTokens: 80 })),
  at.map((from) =>
    summarizedHistory({
      at: from,
      keepLast: 3,
      minTokens: 40,
      maxTokens: 80,
      summarize: async () => ({ text: 'So far.', usage: { inputTokens: 5, outputTokens: 2 } }),
    }),
  ),
  fc.boolean().map((mayReuse) => heldBackCall({ reuse: () => mayReuse, most: 1 })),
  fc.constantFrom(0, 0.1, 0.4).map((reserve) => wrapUp({ reserve })),
  fc
    .constantFrom<HandOver>(
      () => 'handed over',
      () => Promise.reject(new Error('closed')),
      () => resumeRun({ words: 'Go on.' }),
    )
    .map((person) => handoff(person)),
);

const ladders = fc.uniqueArray(rung, { selector: ({ name }) => name, maxLength: 7 });

/** Texts of the user and of tools are cut, the task is short enough to stay. */
const inputs = fc.constantFrom<InputOptions | undefined>(undefined, { toolResults: { maxTokens: 60 } }, { maxTokens: 400 });

/** A user's dollars, and in which turn they are raised, if ever: pressure rises and falls. No limit of the run has the same figure. */
const purses = fc.record({
  usd: fc.integer({ min: 1, max: 80 }).map((usd) => usd + 0.5),
  raisedIn: fc.option(fc.nat(15)),
  to: fc.integer({ min: 80, max: 200 }).map((usd) => usd + 0.25),
});

const limits = fc.record(
  {
    usd: fc.integer({ min: 0, max: 60 }),
    steps: fc.integer({ min: 0, max: 40 }),
    tokens: fc.integer({ min: 0, max: 12_000 }),
    toolCalls: fc.integer({ min: 0, max: 10 }),
    modelCalls: fc.integer({ min: 0, max: 12 }),
  },
  { requiredKeys: [] },
);

const toolCallsOf = ({ kind, size }: { kind: string; size: number }, turn: number): Turn['toolCalls'] => {
  if (kind === 'new' || kind === 'long') return [{ name: 'search', args: { page: turn, size }, id: `c${turn}` }];
  if (kind === 'same') return [{ name: 'search', args: { size }, id: `c${turn}` }];
  return Array.from({ length: size }, (_, nth) => ({ name: nth % 2 ? 'search' : 'buy', args: { nth }, id: `c${turn}-${nth}` }));
};

/** What a notice tells: a loop, or a limit that runs low. What is left of it changes, what it is about does not. */
const factsIn = (notice: string): string[] => [
  ...(/You are repeating yourself: .*? The same again/.exec(notice) ?? []),
  ...[...notice.matchAll(/The budget runs low, \S+ of (.*?) left: finish/g)].map(([, limit]) => limit ?? ''),
];

describe('any agent on any ladder, under any budget', () => {
  it('comes to an end within its limits, with a valid conversation, its task, and no notice twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(move, { minLength: 1, maxLength: 25 }),
        ladders,
        limits,
        inputs,
        purses,
        fc.boolean(),
        async (moves, ladder, run, input, purse, hasInner) => {
          const guard = createGuard({ budgets: { run: { steps: 100, ...run }, user: { usd: purse.usd } }, ladder, input, prices });
          let wasClosed = 0;
          guard.on('step:start', ({ step }) => {
            if (step.kind === 'model' && step.rungs.some((name) => name === 'wrapUp' || name === 'handoff')) wasClosed += 1;
          });
          const play = host({
            maxOutputTokens: 60,
            maxTurns: 60,
            tools: {
              search: (args) => `found ${JSON.stringify(args)} ${'tea '.repeat((args as { size?: number }).size ?? 1)}`,
              buy: (args) => `bought ${JSON.stringify(args)}`,
            },
            script: async (turn, seen) => {
              if (turn === purse.raisedIn) await guard.adjust('user', 'ann', { usd: purse.to });
              expect(seen.messages?.some(({ text }) => text === TASK)).toBe(true);
              const chosen = moves[turn];
              if (!chosen || (seen.tools ?? []).length === 0) return { text: 'The answer.' };
              return {
                text: chosen.kind === 'long' ? 'words '.repeat(chosen.size) : '',
                outputTokens: 20,
                toolCalls: toolCallsOf(chosen, turn) ?? [],
              };
            },
          });
          const current = guard.start({ scopes: { user: 'ann' } });
          let outcome: Outcome | undefined;
          try {
            if (hasInner)
              await guard.run({ parent: current, budgets: { run: { steps: 6 } } }, (inner) => play(inner, TASK)).catch(() => {});
            outcome = await play(current, TASK);
          } catch (error) {
            expect(error).toBeInstanceOf(HaltError);
          }
          const report = current.report();
          await current.end();
          for (const [dimension, limit] of Object.entries({ steps: 100, ...run })) {
            expect([dimension, report.used[dimension as 'usd'] <= (limit ?? Infinity) + 1e-9]).toEqual([dimension, true]);
          }
          const mostUsd = purse.raisedIn === null ? purse.usd : purse.to;
          expect((await guard.read('user', 'ann')).used.usd).toBeLessThanOrEqual(mostUsd + 1e-9);
          expect(report.overage).toMatchObject({ usd: 0, tokens: 0, steps: 0 });
          const told = (outcome?.wire ?? []).flatMap(({ messages = [] }) =>
            messages.map(({ role, text }) => (role === 'user' ? factsIn(text) : [])),
          );
          expect(told.filter((facts) => facts.length > 0).length).toBeLessThanOrEqual(4);
          const facts = told.flat();
          expect(facts.filter((fact, at) => facts.indexOf(fact) !== at)).toEqual([]);
          expect(wasClosed).toBeLessThanOrEqual(hasInner ? 2 : 1);
          if (outcome && outcome.answer === undefined) expect(outcome.offers.length).toBeGreaterThan(50);
          const lands = ladder.some(({ name }) => name === 'wrapUp');
          if (lands) expect(outcome?.answer).toBeDefined();
        },
      ),
      { numRuns: 200, seed: 11 },
    );
  });
});
