import { describe, expect, it, vi } from 'vitest';
import { GuardError, InputTooLargeError } from '../../../src/core/errors.ts';
import type { ModelCall } from '../../../src/core/step.ts';
import type { InputOptions } from '../../../src/ladder/input-option.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import type { GuardOptions } from '../../../src/runtime/options.ts';
import { host, listen, prices, searching } from '../../support/ladder-host.ts';

const novel = `Sum this up. ${'word '.repeat(5_000)}`;
const guarded = (input: InputOptions, more: Pick<GuardOptions<never>, 'ladder'> = {}) => createGuard({ input, prices, ...more });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it went through'),
    (error: unknown) => error,
  );

describe('an input that is too large', () => {
  it('is refused before it is sent, with words for the user and the figures', async () => {
    const guard = guarded({ maxTokens: 500, onExcess: 'reject' }, { ladder: [wrapUp()] });
    const { climbs, halts } = listen(guard);
    let wire: readonly ModelCall[] = [];
    const error = await failure(
      guard.run({ scopes: { feature: 'chat' } }, async (run) => ({ wire } = await host({ script: searching(0) })(run, novel))),
    );
    expect(error).toBeInstanceOf(InputTooLargeError);
    expect(error).toMatchObject({
      code: 'input_too_large',
      message: expect.stringMatching(/^This input is too long: about [\d,]+ tokens, and at most 500 can be taken\. Please shorten it/),
      halt: { cause: 'input', input: { maxTokens: 500, feature: 'chat' } },
      report: { used: { steps: 0, usd: 0 } },
    });
    expect(wire).toEqual([]);
    expect(climbs).toMatchObject([{ rung: 'inputLimit', detail: expect.stringMatching(/input tokens of at most 500: refused$/) }]);
    expect(halts).toHaveLength(1);
    expect(JSON.stringify([error, climbs, halts])).not.toContain('word word');
  });

  it('is refused through a door that can only stop, too', async () => {
    const guard = guarded({ maxTokens: 500, onExcess: { reject: 'Bitte kürzen.' } });
    const error = await failure(guard.run((run) => host({ script: searching(0), canEdit: false })(run, novel)));
    expect(error).toMatchObject({ code: 'input_too_large', message: 'Bitte kürzen.' });
    const small = await guard.run((run) => host({ script: searching(0), canEdit: false })(run, 'Find tea.'));
    expect(small.answer).toBe('Assam is the cheapest.');
  });

  it('lets the fallback answer', async () => {
    const guard = createGuard({ input: { maxTokens: 500, onExcess: 'reject' }, prices, fallback: ({ reason }) => reason });
    expect(await guard.run((run) => host({ script: searching(0) })(run, novel))).toMatch(/too long/);
  });

  it('is cut for one feature, refused for another, and let pass for a third', async () => {
    const guard = guarded({ maxTokens: 500, per: { chat: { onExcess: 'reject' }, 'document-analysis': { maxTokens: 50_000 } } });
    const sent = (feature: string) =>
      guard.run({ scopes: { feature } }, async (run) => (await host({ script: searching(0) })(run, novel)).wire[0]?.messages?.[1]?.text);
    expect((await sent('search'))?.length).toBeLessThan(3_000);
    expect(await sent('search')).toMatch(/^Sum this up\..*characters left out/s);
    expect(await failure(sent('chat'))).toMatchObject({ code: 'input_too_large' });
    expect(await sent('document-analysis')).toBe(novel);
    expect(await sent('constructor')).toMatch(/left out/);
  });

  it('is answered in place of the call, where that is wished', async () => {
    const guard = guarded({ maxTokens: 500, onExcess: ({ tokens }) => ({ answer: `${tokens} is too much.` }) });
    await guard.run(async (run) => {
      const { answer, wire } = await host({ script: searching(0) })(run, novel);
      expect(answer).toMatch(/^\d+ is too much\.$/);
      expect(wire).toEqual([]);
      expect(run.report()).toMatchObject({ used: { usd: 0, modelCalls: 0 }, halt: undefined });
    });
  });

  it('is summarised by the model of the user, which is a step of the run', async () => {
    const summarize = vi.fn(async () => ({ text: 'Five thousand words.', usage: { inputTokens: 5_000, outputTokens: 4 } }));
    const guard = guarded({ maxTokens: 500, onExcess: 'summarize', summarize, model: 'cheap' });
    await guard.run(async (run) => {
      const { wire } = await host({ script: searching(2), tools: { search: () => 'tea' } })(run, novel);
      expect(wire.map(({ messages }) => messages?.[1]?.text)).toEqual(Array(3).fill('[Summary of a longer text]\nFive thousand words.'));
      expect(run.report().models).toMatchObject({ cheap: { calls: 1, usage: { inputTokens: 5_000 } } });
    });
    expect(summarize).toHaveBeenCalledOnce();
  });

  it('is told of and let pass in a shadow', async () => {
    const guard = guarded({ maxTokens: 500, onExcess: 'reject' }, { ladder: 'shadow' });
    const { climbs } = listen(guard);
    const { wire } = await guard.run((run) => host({ script: searching(0) })(run, novel));
    expect(wire[0]?.messages?.[1]?.text).toBe(novel);
    expect(climbs).toMatchObject([{ rung: 'inputLimit', isShadow: true }]);
  });
});

describe('a tool result that is too large', () => {
  it('is cut in every call, whatever the size of the whole', async () => {
    const guard = guarded({ toolResults: { maxTokens: 50 } });
    const tools = { search: () => 'tea '.repeat(4_000) };
    const { wire, messages } = await guard.run((run) => host({ script: searching(3), tools })(run, 'Find tea.'));
    const results = wire.flatMap(({ messages: sent = [] }) => sent.filter(({ role }) => role === 'tool').map(({ text }) => text));
    expect(results).toHaveLength(6);
    expect(results.every((text) => text.length < 400 && text.startsWith('tea tea') && text.includes('left out'))).toBe(true);
    // The host's own history is whole.
    expect(messages.filter(({ role }) => role === 'tool').every(({ text }) => text.length === 16_000)).toBe(true);
  });
});

describe('the option', () => {
  it.each([
    [{ maxTokens: 0 }, /input\.maxTokens: expected 1 token or more.*got 0/],
    [{ maxTokens: '8k' }, /input\.maxTokens: expected a whole number of tokens.*got "8k"/],
    [{ maxTokens: 10, onExcess: 'refuse' }, /input\.onExcess: expected 'reject', 'trim', 'summarize'.*got "refuse"/],
    [{ onExcess: 'reject' }, /input\.onExcess: says what is done above `maxTokens`, so give that too/],
    [{ maxTokens: 10, onExcess: 'summarize' }, /input\.onExcess: 'summarize' needs a function.*input\.summarize/],
    [{ toolResults: 4_000 }, /input\.toolResults: expected a cap such as \{ maxTokens: 4_000 \}, got 4000/],
    [{ per: { chat: { maxToken: 10 } } }, /input\.per\.chat: there is no option "maxToken"/],
    [{ maxTokens: 10, per: { chat: { onExcess: 'summarize' } } }, /input\.per\.chat\.onExcess: 'summarize' needs a function/],
  ])('names what cannot be used: %j', (input, message) => {
    expect(() => createGuard({ input: input as never })).toThrow(message);
    expect(() => createGuard({ input: input as never })).toThrow(GuardError);
  });
});
