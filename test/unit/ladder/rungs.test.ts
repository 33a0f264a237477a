import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import { cheaperModel } from '../../../src/ladder/cheaper-model.ts';
import { editedCall } from '../../../src/ladder/edited-call.ts';
import { heldBackCall } from '../../../src/ladder/held-back-call.ts';
import { lighterReasoning } from '../../../src/ladder/lighter-reasoning.ts';
import { notice } from '../../../src/ladder/notice.ts';
import { keepsPairs } from '../../../src/ladder/pairs.ts';
import { shorterReplies } from '../../../src/ladder/shorter-replies.ts';
import { trimmedContext } from '../../../src/ladder/trimmed-context.ts';
import type { PrepareContext, Rung } from '../../../src/ladder/rung.ts';
import type { Call } from '../../../src/core/step.ts';
import { conversation, countText, modelCall, offerOf, rungContext, standing, verdict } from '../../support/rung-context.ts';

const editsOf = (rung: Rung, call: Call, context: PrepareContext = rungContext()) => {
  const offer = offerOf(rung, call, context);
  return offer?.kind === 'edits' ? offer.edits : undefined;
};

describe('notice', () => {
  it('says what is left, at the end of the messages', () => {
    const messages = conversation(1);
    const context = rungContext({ standings: [standing({ dimension: 'steps', limit: 25, used: 22, pressure: 0.92 })] });
    const edits = editsOf(notice(), modelCall(messages), context)?.messages ?? [];
    expect(edits.at(-1)).toMatchObject({ kind: 'insert', role: 'user', text: expect.stringContaining('3 of 25 steps left') });
    expect(edits.slice(0, -1)).toEqual(messages.map((_, index) => ({ kind: 'keep', index })));
  });

  it('does not say the same twice, but speaks of a new limit and of a loop that began anew', () => {
    const context = rungContext({ standings: [standing()] });
    const rung = notice({ most: 10 });
    const call = modelCall(conversation(1));
    expect(offerOf(rung, call, context)).toBeDefined();
    expect(offerOf(rung, call, context)).toBeUndefined();
    expect(offerOf(rung, call, { ...context, standings: [standing({ limit: 2, used: 1.8 })] })).toBeDefined();
    expect(offerOf(rung, call, { ...context, verdict: verdict() })).toBeDefined();
    expect(offerOf(rung, call, { ...context, verdict: verdict({ laps: 4 }) })).toBeUndefined();
    expect(offerOf(rung, call, { ...context, verdict: verdict({ firstStep: 30 }) })).toBeDefined();
  });

  it('speaks a bounded number of times', () => {
    const context = rungContext();
    const told = Array.from({ length: 20 }, (_, firstStep) =>
      offerOf(notice({ most: 3 }), modelCall([]), { ...context, verdict: verdict({ firstStep }) }),
    );
    expect(told.filter(Boolean)).toHaveLength(3);
  });

  it('stands below a result where only tool calls can be reached', () => {
    const context = rungContext({ verdict: verdict() });
    expect(editsOf(notice(), { kind: 'tool', name: 'search' }, context)?.note).toContain('came 3 times');
  });
});

describe('cheaperModel', () => {
  it('changes to a cheaper model and says so', () => {
    const offer = offerOf(cheaperModel('cheap'), modelCall([]), rungContext({ standings: [standing()] }));
    expect(offer).toEqual({ kind: 'edits', edits: { model: { name: 'cheap' } }, detail: 'cheap in place of dear' });
  });

  it('never goes to a dearer model, an unknown one, or one that costs the same', () => {
    for (const to of ['dearest', 'unheard-of', 'dear']) expect(offerOf(cheaperModel(to), modelCall([]))).toBeUndefined();
    expect(offerOf(cheaperModel('cheap'), modelCall([], { model: 'unheard-of' }))).toBeUndefined();
  });

  it('goes down a chain as pressure grows, and passes over what is no cheaper', () => {
    const rung = cheaperModel(['middling', 'cheap'], { at: 0.8 });
    const at = (pressure: number, model = 'dear') =>
      editsOf(rung, modelCall([], { model }), rungContext({ standings: [standing({ pressure })] }))?.model?.name;
    expect([at(0.8), at(0.89), at(0.9), at(1.7)]).toEqual(['middling', 'middling', 'cheap', 'cheap']);
    expect(at(0.8, 'middling')).toBe('cheap');
    expect(at(0.8, 'cheap')).toBeUndefined();
  });

  it('takes an instance by the name that it says or is given', () => {
    class HostModel {
      readonly model = 'cheap';
    }
    const instance = new HostModel();
    expect(editsOf(cheaperModel(instance), modelCall([]))?.model).toEqual({ name: 'cheap', instance });
    expect(editsOf(cheaperModel({ name: 'cheap', instance }), modelCall([]))?.model).toEqual({ name: 'cheap', instance });
    expect(() => cheaperModel(new Date())).toThrow(InvalidOptionError);
    expect(() => cheaperModel([])).toThrow(InvalidOptionError);
  });

  it('asks a function of the call', () => {
    const rung = cheaperModel((call) => (call.messages?.length === 0 ? 'cheap' : undefined));
    expect(editsOf(rung, modelCall([]))?.model).toEqual({ name: 'cheap' });
    expect(offerOf(rung, modelCall(conversation(1)))).toBeUndefined();
  });
});

describe('lighterReasoning', () => {
  it('lowers an effort and a thinking budget, and never raises them', () => {
    const rung = lighterReasoning({ effort: 'low', maxTokens: 2_000 });
    expect(editsOf(rung, modelCall([], { reasoning: { effort: 'high' } }))).toEqual({ reasoning: { effort: 'low' } });
    expect(editsOf(rung, modelCall([], { reasoning: { maxTokens: 8_000 } }))).toEqual({ reasoning: { maxTokens: 2_000 } });
    expect(offerOf(rung, modelCall([], { reasoning: { effort: 'minimal' } }))).toBeUndefined();
    expect(offerOf(rung, modelCall([], { reasoning: { maxTokens: 1_000 } }))).toBeUndefined();
  });

  it('leaves a model alone that was never seen to reason', () => {
    const report = () => ({ models: { dear: { usage: { reasoningTokens: 500 } } } }) as never;
    expect(offerOf(lighterReasoning(), modelCall([]))).toBeUndefined();
    expect(editsOf(lighterReasoning(), modelCall([]), rungContext({ report }))).toEqual({ reasoning: { effort: 'low' } });
  });
});

describe('shorterReplies', () => {
  it('caps the output and asks to be brief', () => {
    const edits = editsOf(shorterReplies({ maxOutputTokens: 300 }), modelCall(conversation(0)));
    expect(edits?.maxOutputTokens).toBe(300);
    expect(edits?.messages?.at(-1)).toMatchObject({ kind: 'insert', text: expect.stringContaining('180 words') });
  });

  it('never raises a cap', () => {
    expect(offerOf(shorterReplies({ maxOutputTokens: 300 }), modelCall([], { maxOutputTokens: 200 }))).toBeUndefined();
  });

  it('leaves room to think, for the cap counts it', () => {
    expect(editsOf(shorterReplies({ maxOutputTokens: 300 }), modelCall([], { reasoning: { maxTokens: 2_000 } }))?.maxOutputTokens).toBe(
      2_300,
    );
  });

  it('says nothing where it is told to, or where there are no messages', () => {
    expect(editsOf(shorterReplies({ instruction: false }), modelCall(conversation(1)))).toEqual({ maxOutputTokens: 1_000 });
    expect(editsOf(shorterReplies(), modelCall(undefined, { input: 'x' }))).toEqual({ maxOutputTokens: 1_000 });
  });
});

describe('trimmedContext', () => {
  it('shortens old results and leaves the task, the last turns and all pairs', () => {
    const messages = conversation(5, 4_000);
    const edits = editsOf(trimmedContext({ resultTokens: 100, keepLast: 4 }), modelCall(messages))?.messages ?? [];
    expect(edits.map(({ kind }) => kind)).toEqual([
      'keep',
      'keep',
      'keep',
      'replace',
      'keep',
      'replace',
      'keep',
      'replace',
      'keep',
      'keep',
      'keep',
      'keep',
    ]);
    expect(keepsPairs(messages, edits)).toBe(true);
    const { messages: after = [] } = editedCall(modelCall(messages), { messages: edits });
    for (const place of [3, 5, 7]) {
      expect(countText(after[place]?.text ?? '')).toBeLessThanOrEqual(100);
      expect(after[place]?.text).toMatch(/^result .*characters left out/s);
    }
  });

  it('shortens an oversized result of the last turns too', () => {
    const edits = editsOf(trimmedContext({ recentResultTokens: 50 }), modelCall(conversation(1, 4_000)))?.messages;
    expect(edits?.at(-1)?.kind).toBe('replace');
  });

  it('goes on with old messages, oldest first, until an allowance is met', () => {
    const messages = conversation(4, 800).map((message) =>
      message.role === 'assistant' ? { ...message, text: 'y'.repeat(400) } : message,
    );
    const edits = editsOf(trimmedContext({ resultTokens: 1_000, maxTokens: 1_000, keepLast: 4 }), modelCall(messages))?.messages ?? [];
    expect(edits.slice(2, 6).map(({ kind }) => kind)).toEqual(['replace', 'replace', 'keep', 'keep']);
    expect(edits.slice(6).every(({ kind }) => kind === 'keep')).toBe(true);
  });

  it('has nothing to offer where nothing is long', () => {
    expect(offerOf(trimmedContext(), modelCall(conversation(3, 40)))).toBeUndefined();
    expect(offerOf(trimmedContext(), modelCall(undefined, { input: 'long'.repeat(10_000) }))).toBeUndefined();
  });
});

describe('heldBackCall', () => {
  const again = { kind: 'tool', name: 'search', args: { page: 1, q: 'tea' } } as const;

  it('answers a repeated call from its earlier result, whatever the order of the arguments', () => {
    const offer = offerOf(heldBackCall({ reuse: ['search'] }), again, rungContext({ verdict: verdict() }));
    expect(offer).toMatchObject({ kind: 'answer', output: 'nothing found', note: expect.stringContaining('Not run again') });
  });

  it('leaves another call, another tool and a call outside of a loop alone', () => {
    const rung = heldBackCall({ reuse: () => true });
    const context = rungContext({ verdict: verdict() });
    expect(offerOf(rung, { ...again, args: { q: 'coffee' } }, context)).toBeUndefined();
    expect(offerOf(rung, { ...again, name: 'buy' }, context)).toBeUndefined();
    expect(offerOf(rung, again)).toBeUndefined();
  });

  it('never replays a write that nobody marked', () => {
    const context = rungContext({ verdict: verdict() });
    expect(offerOf(heldBackCall(), again, context)).toBeUndefined();
    expect(offerOf(heldBackCall(), { ...again, hints: { destructiveHint: true } }, context)).toBeUndefined();
    expect(offerOf(heldBackCall(), { ...again, hints: { readOnlyHint: true } }, context)).toBeDefined();
  });

  it('takes a tool away that is called the same way all the same, for some calls', () => {
    const rung = heldBackCall({ reuse: ['search'], most: 2, awayFor: 2 });
    const context = rungContext({ verdict: verdict() });
    const call = modelCall([], { tools: [{ name: 'search' }, { name: 'buy' }] });
    offerOf(rung, again, context);
    expect(offerOf(rung, call, context)).toBeUndefined();
    offerOf(rung, again, context);
    expect(editsOf(rung, call, context)).toEqual({ tools: ['buy'] });
    expect(editsOf(rung, call, context)).toEqual({ tools: ['buy'] });
    expect(offerOf(rung, call, context)).toBeUndefined();
  });
});
