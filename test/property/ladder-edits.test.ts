import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallEdits, MessageEdit } from '../../src/core/offer.ts';
import type { MessageView } from '../../src/core/step.ts';
import { composeEdits } from '../../src/ladder/compose-edits.ts';
import { editedCall } from '../../src/ladder/edited-call.ts';
import { inputLimit } from '../../src/ladder/input-limit.ts';
import { notice } from '../../src/ladder/notice.ts';
import { keepsPairs } from '../../src/ladder/pairs.ts';
import type { Rung, RungOffer } from '../../src/ladder/rung.ts';
import { shorterReplies } from '../../src/ladder/shorter-replies.ts';
import { summarizedHistory } from '../../src/ladder/summarized-history.ts';
import { trimmedContext } from '../../src/ladder/trimmed-context.ts';
import { wrapUp } from '../../src/ladder/wrap-up.ts';
import { halt, modelCall, rungContext, standing, verdict } from '../support/rung-context.ts';

const text = fc.integer({ min: 0, max: 3_000 }).map((size) => 'word '.repeat(size / 5));

/** A round: what the model says, and the results of its calls, with ids or without, and perhaps a person in between. */
const round = fc
  .record({
    said: text,
    results: fc.array(text, { maxLength: 3 }),
    reply: fc.option(text),
    system: fc.boolean(),
    hasIds: fc.boolean(),
    id: fc.uuid(),
  })
  .map(({ said, results, reply, system, hasIds, id }): MessageView[] => [
    {
      role: 'assistant',
      text: said,
      ...(results.length > 0
        ? { toolCalls: results.map((_, nth) => ({ name: 'search', args: { nth }, ...(hasIds ? { id: `${id}${nth}` } : {}) })) }
        : {}),
    },
    ...results.map((result, nth): MessageView => ({
      role: 'tool',
      text: result,
      name: 'search',
      ...(hasIds ? { toolCallId: `${id}${nth}` } : {}),
    })),
    ...(reply === null ? [] : [{ role: 'user', text: `reply ${reply}` } as const]),
    ...(system ? [{ role: 'system', text: 'Be kind.' } as const] : []),
  ]);

const history = fc
  .array(round, { maxLength: 8 })
  .map((rounds): MessageView[] => [{ role: 'system', text: 'You help.' }, { role: 'user', text: 'THE TASK' }, ...rounds.flat()]);

const rungs: fc.Arbitrary<Rung[]> = fc.shuffledSubarray([
  notice(),
  shorterReplies(),
  trimmedContext({ resultTokens: 50, maxTokens: 500, keepLast: 2 }),
  summarizedHistory({ keepLast: 3, minTokens: 50, maxTokens: 100 }),
  inputLimit({ maxTokens: 1_500, toolResults: { maxTokens: 200 } }),
]);

const offersOf = (offer: RungOffer | readonly RungOffer[] | undefined): CallEdits[] =>
  [offer ?? []].flat().flatMap((each) => ('edits' in each ? [each.edits] : []));

describe('any rungs, one on top of the other, on any history', () => {
  it('give edits that are those of one rung after the other, tear no pair, and keep the task', () => {
    fc.assert(
      fc.property(history, rungs, fc.boolean(), (messages, ladder, isInLoop) => {
        let edits: CallEdits = {};
        let call = modelCall(messages);
        for (const rung of [...ladder, wrapUp()]) {
          const context = rungContext({ standings: [standing()], halt, ...(isInLoop ? { verdict: verdict() } : {}) });
          const all = offersOf(rung.offer(call, context));
          for (const made of all) {
            const composed = composeEdits(edits, made);
            expect(composed.messages === undefined || keepsPairs(messages, composed.messages)).toBe(true);
            const texts = (editedCall(modelCall(messages), composed).messages ?? []).map((message) => message.text);
            expect(texts).toEqual((editedCall(call, made).messages ?? []).map((message) => message.text));
            expect(texts).toContain('THE TASK');
            expect(texts.filter((each) => each === 'You help.')).toHaveLength(1);
          }
          const [first] = all;
          if (!first) continue;
          edits = composeEdits(edits, first);
          call = editedCall(modelCall(messages), edits);
        }
      }),
      { numRuns: 150, seed: 5 },
    );
  });

  it('refuse to be torn: what drops one half of a pair is never called whole', () => {
    fc.assert(
      fc.property(history, fc.nat(), (messages, pick) => {
        const halves = messages.map((message, place) => ({ message, place })).filter(({ message }) => message.role === 'tool');
        fc.pre(halves.length > 0);
        const dropped = halves[pick % halves.length]?.place;
        const edits = messages.map((_, index): MessageEdit => ({ kind: 'keep', index })).filter((_, index) => index !== dropped);
        expect(keepsPairs(messages, edits)).toBe(false);
      }),
      { numRuns: 100, seed: 6 },
    );
  });
});
