import { describe, expect, it, vi } from 'vitest';
import { cachedAnswer } from '../../../src/ladder/cached-answer.ts';
import { editedCall } from '../../../src/ladder/edited-call.ts';
import { handoff, type HandoffPackage } from '../../../src/ladder/handoff.ts';
import { inputLimit } from '../../../src/ladder/input-limit.ts';
import { keepsPairs } from '../../../src/ladder/pairs.ts';
import type { RungOffer } from '../../../src/ladder/rung.ts';
import { summarizedHistory, type Summarize } from '../../../src/ladder/summarized-history.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import type { MessageView } from '../../../src/core/step.ts';
import { conversation, countCall, halt, modelCall, offerOf, rungContext, verdict } from '../../support/rung-context.ts';

const textsAfter = (messages: readonly MessageView[], offer: RungOffer | undefined): string[] =>
  offer?.kind === 'edits' ? (editedCall(modelCall(messages), offer.edits).messages ?? []).map(({ text }) => text) : [];

describe('summarizedHistory', () => {
  it('keeps the system message, the task and the last turns, and says what was done and what failed', () => {
    const messages = conversation(8, 800);
    messages[3] = { ...messages[3], role: 'tool', text: 'Error: no such page' };
    const offer = offerOf(summarizedHistory({ keepLast: 4, maxTokens: 300 }), modelCall(messages));
    const texts = textsAfter(messages, offer);
    expect(texts.slice(0, 2)).toEqual(['You help.', 'Find the cheapest tea.']);
    expect(texts[2]).toMatch(/^\[Summary of 12 earlier messages\]/);
    expect(texts[2]).toContain('search failed: Error: no such page');
    expect(texts.slice(3)).toEqual(messages.slice(-4).map(({ text }) => text));
    expect(offer?.kind === 'edits' && keepsPairs(messages, offer.edits.messages ?? [])).toBe(true);
  });

  it('keeps the newest message of the user wherever it stands', () => {
    const messages: MessageView[] = [...conversation(4, 800), { role: 'user', text: 'Now in green.' }, ...conversation(4, 600).slice(2)];
    expect(textsAfter(messages, offerOf(summarizedHistory({ keepLast: 2 }), modelCall(messages)))).toContain('Now in green.');
  });

  it('uses a summary again until the history has outgrown it, so that the prompt stays the same', () => {
    const context = rungContext();
    const rung = summarizedHistory({ keepLast: 4 });
    const summaryAt = (turns: number) =>
      textsAfter(conversation(turns, 800), offerOf(rung, modelCall(conversation(turns, 800)), context))[2];
    const first = summaryAt(8);
    expect(summaryAt(9)).toBe(first);
    expect(summaryAt(10)).not.toBe(first);
  });

  it('does not use the summary of another history', () => {
    const context = rungContext();
    const rung = summarizedHistory({ keepLast: 4 });
    offerOf(rung, modelCall(conversation(8, 800)), context);
    const other = conversation(8, 800).map((message) => ({ ...message, text: message.text.replace('result', 'answer') }));
    expect(textsAfter(other, offerOf(rung, modelCall(other), context))[2]).toContain('answer 5');
  });

  it('leaves a short history alone', () => {
    expect(offerOf(summarizedHistory(), modelCall(conversation(2, 100)))).toBeUndefined();
  });

  it('says what was tried in vain when the run goes in circles', () => {
    const messages = conversation(8, 800);
    const texts = textsAfter(messages, offerOf(summarizedHistory(), modelCall(messages), rungContext({ verdict: verdict() })));
    expect(texts[2]).toContain('Tried in vain');
    expect(texts[2]).toContain('search({"page":1,"q":"tea"})');
  });

  it('takes the summary of a model, and hands it only what is new the next time', async () => {
    const summarize = vi.fn<Summarize>(async () => ({ text: 'So far: teas.', usage: { inputTokens: 1, outputTokens: 1 } }));
    const rung = summarizedHistory({ summarize, keepLast: 4 });
    const context = rungContext();
    const messages = conversation(8, 800);
    await rung.prepare?.(modelCall(messages), context);
    await rung.prepare?.(modelCall(messages), context);
    expect(summarize).toHaveBeenCalledOnce();
    expect(textsAfter(messages, offerOf(rung, modelCall(messages), context))[2]).toBe('[Summary of 12 earlier messages]\nSo far: teas.');
    await rung.prepare?.(modelCall(conversation(12, 800)), context);
    expect(summarize.mock.calls[1]?.[0].map(({ text }) => text)[0]).toBe('So far: teas.');
    expect(summarize.mock.calls[1]?.[0]).toHaveLength(9);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('down'))],
    ['gives no text', async () => ({ toolCalls: [] }) as never],
    ['gives an empty text', async () => '  '],
    ['gives an error in place of a summary', async () => 'Error generating summary: 402'],
    ['saves nothing', async () => 'x'.repeat(1_000_000)],
  ] as [string, Summarize][])('changes nothing when the summariser %s, and stops asking', async (_what, summarize) => {
    const asked = vi.fn(summarize);
    const rung = summarizedHistory({ summarize: asked, keepLast: 4, maxTokens: 100_000 });
    const context = rungContext();
    const call = modelCall(conversation(8, 800));
    for (let time = 0; time < 5; time += 1) await rung.prepare?.(call, context).catch(() => {});
    expect(asked.mock.calls.length).toBeLessThanOrEqual(2);
    expect(offerOf(rung, call, context)).toBeUndefined();
  });
});

describe('cachedAnswer', () => {
  it('asks with the task, once, and answers', async () => {
    const lookup = vi.fn((task: string) => (task === 'Find the cheapest tea.' ? 'Assam' : undefined));
    const rung = cachedAnswer(lookup);
    const context = rungContext({ halt });
    const call = modelCall(conversation(1));
    await rung.prepare?.(call, context);
    await rung.prepare?.(call, context);
    expect(lookup).toHaveBeenCalledOnce();
    expect(offerOf(rung, call, context)).toMatchObject({ kind: 'answer', output: 'Assam' });
    expect(rung).toMatchObject({ isTerminal: true, loop: 'halt' });
  });

  it('has no answer to a task that was not asked for', async () => {
    const rung = cachedAnswer(() => 'Assam');
    const context = rungContext({ halt });
    await rung.prepare?.(modelCall(conversation(1)), context);
    expect(offerOf(rung, modelCall([{ role: 'user', text: 'Another task' }]), context)).toBeUndefined();
  });

  it('is asked first of all only before the model has said anything', async () => {
    const lookup = vi.fn(() => 'Assam');
    const rung = cachedAnswer(lookup, { isFirst: true });
    const context = rungContext();
    await rung.prepare?.(modelCall(conversation(1)), context);
    expect(lookup).not.toHaveBeenCalled();
    await rung.prepare?.(modelCall(conversation(0)), context);
    expect(offerOf(rung, modelCall(conversation(0)), context)).toMatchObject({ output: 'Assam' });
    expect(offerOf(rung, modelCall(conversation(1)), context)).toBeUndefined();
  });
});

describe('wrapUp', () => {
  it('offers the whole, then a summary, then an answer without a model', () => {
    const messages = conversation(6, 2_000);
    const offers = wrapUp().offer(modelCall(messages, { tools: [{ name: 'search' }] }), rungContext({ halt })) as readonly RungOffer[];
    const [whole, short, last] = offers;
    expect(whole).toMatchObject({ kind: 'edits', edits: { tools: [], maxOutputTokens: 1_000 } });
    expect(textsAfter(messages, whole).at(-1)).toMatch(/The run ends here: run budget exceeded/);
    for (const offer of [whole, short]) expect(offer?.kind === 'edits' && keepsPairs(messages, offer.edits.messages ?? [])).toBe(true);
    const sizes = [whole, short].map((offer) => countCall(editedCall(modelCall(messages), offer?.kind === 'edits' ? offer.edits : {})));
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) / 2);
    expect(textsAfter(messages, short)).toContain('Find the cheapest tea.');
    expect(last).toMatchObject({ kind: 'answer', isLastResort: true, output: expect.stringContaining('Turn 5.') });
  });

  it('never raises the cap of the caller', () => {
    const [whole] = wrapUp().offer(modelCall([], { maxOutputTokens: 100 }), rungContext({ halt })) as readonly RungOffer[];
    expect(whole).toMatchObject({ edits: { maxOutputTokens: 100 } });
  });

  it('is for the end only', () => {
    expect(wrapUp().offer(modelCall([]), rungContext())).toBeUndefined();
  });
});

describe('handoff', () => {
  it('gives a whole package to the function, once per run, and answers with what comes back', async () => {
    const fn = vi.fn((_handoff: HandoffPackage) => 'ticket 7');
    const rung = handoff(fn, { lastMessages: 2 });
    const context = rungContext({ halt });
    const messages: MessageView[] = [
      ...conversation(2),
      { role: 'assistant', text: '', toolCalls: [{ name: 'buy', args: {}, id: 'b' }], ref: { secret: true } },
    ];
    const call = modelCall(messages);
    await rung.prepare?.(call, context);
    expect(offerOf(rung, call, context)).toMatchObject({ kind: 'answer', output: 'ticket 7' });
    await rung.prepare?.(modelCall(messages), context);
    expect(fn).toHaveBeenCalledOnce();
    expect(fn.mock.calls[0]?.[0]).toMatchObject({
      runId: 'r1',
      task: 'Find the cheapest tea.',
      reason: 'run budget exceeded',
      pendingCalls: [{ name: 'buy', id: 'b' }],
      summary: expect.stringContaining('search gave'),
    });
    expect(fn.mock.calls[0]?.[0].lastMessages).toHaveLength(2);
    expect(fn.mock.calls[0]?.[0].lastMessages[1]).not.toHaveProperty('ref');
  });

  it('has nothing to offer when the function fails', async () => {
    const rung = handoff(() => Promise.reject(new Error('down')));
    const context = rungContext({ halt });
    await expect(rung.prepare?.(modelCall([]), context)).rejects.toThrow('down');
    expect(offerOf(rung, modelCall([]), context)).toBeUndefined();
  });

  it('says that it was handed over when nothing comes back', async () => {
    const rung = handoff(() => undefined);
    const context = rungContext({ halt });
    const call = modelCall([]);
    await rung.prepare?.(call, context);
    expect(offerOf(rung, call, context)).toMatchObject({ output: expect.stringContaining('handed over') });
  });
});

describe('inputLimit', () => {
  const bomb: MessageView[] = [
    { role: 'system', text: 'You help.' },
    { role: 'user', text: `Sum this up. ${'word '.repeat(10_000)}` },
  ];

  it('refuses with a message that a user can be shown, or with words of your own', () => {
    expect(offerOf(inputLimit({ maxTokens: 1_000, onExcess: 'reject' }), modelCall(bomb))).toMatchObject({
      kind: 'refusal',
      reason: expect.stringMatching(/about 12,507 tokens, and at most 1,000/),
      input: { tokens: 12_507, maxTokens: 1_000, feature: undefined },
    });
    const offer = offerOf(inputLimit({ maxTokens: 1_000, onExcess: { reject: 'Bitte kürzen.' } }), modelCall(bomb));
    expect(offer).toMatchObject({ kind: 'refusal', reason: 'Bitte kürzen.' });
  });

  it('cuts the largest messages until the whole fits, and leaves the small ones', () => {
    const messages: MessageView[] = [...bomb, ...conversation(2, 100).slice(2)];
    const offer = offerOf(inputLimit({ maxTokens: 1_000 }), modelCall(messages));
    const call = editedCall(modelCall(messages), offer?.kind === 'edits' ? offer.edits : {});
    expect(countCall(call)).toBeLessThanOrEqual(1_000);
    expect(call.messages?.[1]?.text).toMatch(/^Sum this up\./);
    expect(call.messages?.slice(2)).toEqual(messages.slice(2));
  });

  it('leaves the task whole, however much was found since', () => {
    const messages = conversation(40, 4_000);
    const texts = textsAfter(messages, offerOf(inputLimit({ maxTokens: 2_000 }), modelCall(messages)));
    expect(texts.slice(0, 2)).toEqual(['You help.', 'Find the cheapest tea.']);
    expect(texts.filter((text) => text.includes('left out'))).toHaveLength(40);
  });

  it('caps tool results in every call, whatever the size of the whole', () => {
    const messages = conversation(2, 8_000);
    const texts = textsAfter(messages, offerOf(inputLimit({ toolResults: { maxTokens: 100 } }), modelCall(messages)));
    expect([texts[3], texts[5]].every((text) => (text?.length ?? 0) <= 400)).toBe(true);
  });

  it('has limits of single features, and a function that decides', () => {
    const report = () => ({ scopes: { feature: 'document-analysis' } }) as never;
    const rung = inputLimit({ maxTokens: 1_000, onExcess: 'reject', per: { 'document-analysis': { maxTokens: 100_000 } } });
    expect(offerOf(rung, modelCall(bomb), rungContext({ report }))).toBeUndefined();
    expect(offerOf(rung, modelCall(bomb))).toBeDefined();
    const decided = inputLimit({ maxTokens: 1_000, onExcess: ({ tokens }) => ({ answer: `${tokens} is too much` }) });
    expect(offerOf(decided, modelCall(bomb))).toMatchObject({ kind: 'answer', output: '12507 is too much' });
    const undecided = inputLimit({ maxTokens: 1_000, onExcess: () => undefined as never });
    expect(textsAfter(bomb, offerOf(undecided, modelCall(bomb)))[1]).toMatch(/^Sum this up\..*left out/s);
  });

  it('summarises the largest text where it may, and cuts it where that fails', async () => {
    const call = modelCall(bomb);
    const made = async (summarize: Summarize): Promise<string | undefined> => {
      const rung = inputLimit({ maxTokens: 1_000, onExcess: 'summarize', summarize });
      const context = rungContext();
      await rung.prepare?.(call, context).catch(() => {});
      return textsAfter(bomb, offerOf(rung, call, context))[1];
    };
    expect(await made(async () => 'Ten thousand words.')).toContain('Ten thousand words.');
    expect(await made(() => Promise.reject(new Error('down')))).toMatch(/^Sum this up\..*left out/s);
  });
});
