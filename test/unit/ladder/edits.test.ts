import { describe, expect, it } from 'vitest';
import { composeEdits } from '../../../src/ladder/compose-edits.ts';
import { editedCall } from '../../../src/ladder/edited-call.ts';
import { keepsPairs } from '../../../src/ladder/pairs.ts';
import { conversation, modelCall } from '../../support/rung-context.ts';

const keep = (index: number) => ({ kind: 'keep', index }) as const;
const insert = (text: string) => ({ kind: 'insert', role: 'user', text }) as const;
const replace = (index: number, text: string) => ({ kind: 'replace', index, text }) as const;

describe('edits on top of edits', () => {
  it('are told against the original history', () => {
    const first = { messages: [keep(0), insert('summary'), keep(3), replace(4, 'short')] };
    const then = { messages: [keep(0), replace(1, 'other summary'), keep(3), insert('end')] };
    expect(composeEdits(first, then).messages).toEqual([keep(0), insert('other summary'), replace(4, 'short'), insert('end')]);
  });

  it('keep the place of a message that is replaced twice', () => {
    expect(composeEdits({ messages: [keep(2)] }, { messages: [replace(0, 'x')] }).messages).toEqual([replace(2, 'x')]);
  });

  it('let the later one win in every other part, and join notes', () => {
    const edits = composeEdits({ model: { name: 'a' }, maxOutputTokens: 10, note: 'one' }, { maxOutputTokens: 20, tools: [], note: 'two' });
    expect(edits).toEqual({ model: { name: 'a' }, maxOutputTokens: 20, tools: [], note: 'one\n\ntwo' });
  });

  it('ignore a message that the first edits have dropped', () => {
    expect(composeEdits({ messages: [keep(1)] }, { messages: [keep(0), keep(1)] }).messages).toEqual([keep(1)]);
  });
});

describe('the call after the edits', () => {
  const tools = [{ type: 'function', function: { name: 'search' } }, { name: 'buy' }];

  it('has the tools, the model and the messages that are left', () => {
    const messages = conversation(1);
    const call = editedCall(modelCall(messages, { tools, provider: 'openai' }), {
      model: { name: 'cheap' },
      tools: ['buy'],
      messages: [keep(0), insert('short')],
    });
    expect(call).toMatchObject({ model: 'cheap', provider: 'openai', tools: [{ name: 'buy' }] });
    expect(call.messages).toEqual([messages[0], { role: 'user', text: 'short' }]);
  });

  it('does not look for the price of another instance with the provider of the first', () => {
    expect(editedCall(modelCall([], { provider: 'openai' }), { model: { name: 'haiku', instance: {} } }).provider).toBeUndefined();
    const told = editedCall(modelCall([], { provider: 'openai' }), { model: { name: 'haiku', instance: {}, provider: 'anthropic' } });
    expect(told.provider).toBe('anthropic');
  });

  it('shows a replaced message without the host object that it no longer is', () => {
    const call = editedCall(modelCall([{ role: 'tool', text: 'long', toolCallId: 'c', ref: {} }]), { messages: [replace(0, 'short')] });
    expect(call.messages).toEqual([{ role: 'tool', text: 'short', toolCallId: 'c' }]);
  });
});

describe('pairs of call and result', () => {
  const messages = conversation(2);

  it('may be dropped together, kept together and shortened', () => {
    expect(keepsPairs(messages, [keep(0), keep(1), insert('summary'), keep(4), replace(5, 'short')])).toBe(true);
    expect(
      keepsPairs(
        messages,
        messages.map((_, index) => keep(index)),
      ),
    ).toBe(true);
  });

  it('are torn when one half is dropped', () => {
    expect(keepsPairs(messages, [keep(0), keep(1), keep(3)])).toBe(false);
    expect(keepsPairs(messages, [keep(0), keep(1), keep(2)])).toBe(false);
  });

  it('are torn by a message put between them', () => {
    expect(keepsPairs(messages, [keep(1), keep(2), insert('x'), keep(3), keep(4), keep(5)])).toBe(false);
    expect(keepsPairs(messages, [keep(1), keep(2), keep(3), insert('x'), keep(4), keep(5)])).toBe(true);
  });

  it('are torn by another order, and by a message told twice', () => {
    expect(keepsPairs(messages, [keep(1), keep(0)])).toBe(false);
    expect(keepsPairs(messages, [keep(1), keep(1)])).toBe(false);
    expect(keepsPairs(messages, [keep(99)])).toBe(false);
  });

  it('are found by id when results come late or in another order', () => {
    const parallel = [
      { role: 'assistant', text: '', toolCalls: [{ name: 'a', args: {}, id: '1' }] },
      { role: 'assistant', text: '', toolCalls: [{ name: 'b', args: {}, id: '2' }] },
      { role: 'tool', text: 'one', toolCallId: '1' },
      { role: 'tool', text: 'two', toolCallId: '2' },
    ] as const;
    expect(keepsPairs(parallel, [keep(1), keep(3)])).toBe(true);
    expect(keepsPairs(parallel, [keep(1), keep(2)])).toBe(false);
  });

  it('need no id where the host gives none', () => {
    const bare = conversation(2).map(({ toolCallId: _id, ...message }) => message);
    expect(keepsPairs(bare, [keep(0), keep(1), keep(4), keep(5)])).toBe(true);
    expect(keepsPairs(bare, [keep(0), keep(1), keep(4)])).toBe(false);
  });
});
