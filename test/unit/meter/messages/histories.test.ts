import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { MessageView } from '../../../../src/core/step.ts';
import { createHistories, type Histories } from '../../../../src/meter/messages/histories.ts';
import { sourcesOf } from '../../../../src/meter/messages/message-texts.ts';

const user = (text: string, more: Partial<MessageView> = {}): MessageView => ({ role: 'user', text, ...more });

/** Notes the place of each message as its tokens. */
function note(histories: Histories, messages: readonly MessageView[]): void {
  const places = histories.placesOf(messages);
  for (const [place, message] of messages.entries()) places[place] = { sources: sourcesOf(message), tokens: place };
}

const knownIn = (histories: Histories, messages: readonly MessageView[]): (number | undefined)[] =>
  histories.placesOf(messages).map((part) => part?.tokens);

describe('a memory of histories', () => {
  test('finds a history by the object of its first message, whatever view it comes in', () => {
    const histories = createHistories();
    const ref = {};
    note(histories, [user('hello', { ref }), user('again')]);
    expect(knownIn(histories, [user('hello', { ref })])).toEqual([0, 1]);
  });

  test('the instructions of the agent, which all of its histories share, do not tell one from another', () => {
    const histories = createHistories();
    const system: MessageView = { role: 'system', text: 'You are helpful.', ref: {} };
    note(histories, [system, user('one', { ref: {} })]);
    expect(knownIn(histories, [system, user('two', { ref: {} })])).toEqual([]);
  });

  test('goes on with a history whose messages are all new objects', () => {
    const histories = createHistories();
    const turn = (count: number): MessageView[] => Array.from({ length: count }, (_, index) => user(`message ${index}`));
    note(histories, turn(3));
    expect(knownIn(histories, turn(5))).toEqual([0, 1, 2]);
    note(histories, turn(5));
    expect(knownIn(histories, turn(7))).toEqual([0, 1, 2, 3, 4]);
  });

  test('does not go on with one that was cut or that ends otherwise', () => {
    const histories = createHistories();
    note(histories, [user('one'), user('two'), user('three')]);
    expect(knownIn(histories, [user('one'), user('two')])).toEqual([]);
    expect(knownIn(histories, [user('one'), user('two'), user('four'), user('five')])).toEqual([]);
  });

  test('histories that begin alike go on apart', () => {
    const histories = createHistories();
    const [first, second] = [user('hello'), user('hello')];
    note(histories, [first]);
    expect(knownIn(histories, [second])).toEqual([0]);
    note(histories, [second, user('the second')]);
    expect(knownIn(histories, [first])).toEqual([0]);
  });

  test('several take turns, and each goes on', () => {
    const histories = createHistories();
    const turn = (chat: number, count: number): MessageView[] => Array.from({ length: count }, (_, index) => user(`${chat}: ${index}`));
    for (let count = 1; count < 10; count++) {
      for (let chat = 0; chat < 8; chat++) {
        const messages = turn(chat, count);
        expect(knownIn(histories, messages)).toHaveLength(count - 1);
        note(histories, messages);
      }
    }
  });

  test('of more than eight the one of longest ago is forgotten', () => {
    const histories = createHistories();
    for (let chat = 0; chat < 9; chat++) note(histories, [user(`chat ${chat}`)]);
    expect(knownIn(histories, [user('chat 0')])).toEqual([]);
    expect(knownIn(histories, [user('chat 8')])).toEqual([0]);
  });

  test('keeps alive nothing of a host that has dropped its messages', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const histories = createHistories();
    const dropped = ((): WeakRef<object> => {
      const args = { query: 'cats' };
      note(histories, [user('', { toolCalls: [{ name: 'find', args }] })]);
      return new WeakRef(args);
    })();
    await setImmediate();
    collect();
    expect(dropped.deref()).toBeUndefined();
  });
});
