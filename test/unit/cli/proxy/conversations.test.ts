import { createGuard } from 'holdfast';
import { afterEach, describe, expect, it } from 'vitest';
import { conversations, type Place } from '../../../../integrations/cli/proxy/conversations.ts';
import { historyOf } from '../../../../integrations/cli/proxy/history.ts';

type Message = Record<string, unknown>;
const system = { role: 'system', content: 'be kind' };
const user = (content: unknown): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const result = (content: string): Message => ({ role: 'tool', tool_call_id: 'c', content });

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function opened(options: { most?: number; idleMs?: number; budgets?: object } = {}) {
  const guard = createGuard<string>({ budgets: options.budgets ?? { run: { modelCalls: 3 } } });
  const runs = conversations(guard, { most: options.most ?? 100, idleMs: options.idleMs ?? 60_000, hasSessions: true });
  closing.push(async () => {
    await runs.close();
    await guard.close();
  });
  const enter = (messages: readonly Message[], more: { owner?: string; run?: string; body?: Message } = {}): Place => {
    const owner = more.owner ?? 'key';
    const history = historyOf('chat', { messages, ...more.body }, owner);
    const place = runs.enter({ owner, scopes: { user: 'u' }, run: more.run, history });
    if (!place) throw new Error('there was no room');
    return place;
  };
  const asked = (...args: Parameters<typeof enter>): string => {
    const place = enter(...args);
    place.leave();
    return place.run.id;
  };
  return { guard, runs, enter, asked };
}

describe('a run', () => {
  it('is the one whose history grows, whatever its instructions and cache marks say by now', () => {
    const { asked } = opened();
    const first = asked([system, user('hello')]);
    const second = asked([{ ...system, content: 'it is 12:01' }, user('hello'), assistant('look'), result('found')]);
    const third = asked([
      user('hello'),
      { ...assistant('look'), cache_control: { type: 'ephemeral' } },
      result('found'),
      assistant('more'),
      result('x'),
    ]);
    expect([second, third]).toEqual([first, first]);
  });

  it('is another one for the same words said again, another beginning, another owner', () => {
    const { asked } = opened();
    const runs = [
      asked([user('hello')]),
      asked([user('hello')]),
      asked([user('hi'), assistant('a')]),
      asked([user('hello'), assistant('a')], { owner: 'other' }),
    ];
    expect(new Set(runs).size).toBe(4);
  });

  it('is told apart from one that began with the same words, as far as it can be', () => {
    const { asked, enter } = opened();
    const one = asked([user('hello')], { body: { system: 'A' } });
    const two = asked([user('hello')], { body: { system: 'B' } });
    expect(asked([user('hello'), assistant('b')], { body: { system: 'B' } })).toBe(two);
    expect(asked([user('hello'), assistant('a')], { body: { system: 'A' } })).toBe(one);
    // While one of them is busy, it cannot be the one that goes on.
    const busy = enter([user('again')]);
    const idle = asked([user('again')]);
    expect(asked([user('again'), assistant('x')])).toBe(idle);
    busy.leave();
  });

  it('is the one that the client names, within its owner', () => {
    const { asked } = opened();
    const one = asked([user('a')], { run: 'r1' });
    expect(asked([user('something else')], { run: 'r1' })).toBe(one);
    expect(asked([user('a')], { run: 'r2' })).not.toBe(one);
    expect(asked([user('a')], { run: 'r1', owner: 'other' })).not.toBe(one);
  });

  it('goes on from the response of the provider that a request names', () => {
    const { enter, asked } = opened();
    const first = enter([user('a')]);
    first.remember('resp_1');
    first.leave();
    expect(asked([user('b')], { body: { previous_response_id: 'resp_1' } })).toBe(first.run.id);
    expect(asked([user('b')], { body: { previous_response_id: 'resp_2' } })).not.toBe(first.run.id);
  });

  it('stays stopped while it is asked on, and gives way to a new one of the same session at a new word of the user', () => {
    const { enter, asked } = opened();
    const first = enter([user('a')]);
    first.run.halt();
    first.leave();
    expect(asked([user('a'), assistant('x'), result('y')])).toBe(first.run.id);
    const next = enter([user('a'), assistant('x'), user('another question')]);
    expect(next.run.id).not.toBe(first.run.id);
    expect(next.run.scopes['session']).toMatch(/^[\da-f-]{36}$/);
    expect(next.run.scopes['session']).toBe(first.run.scopes['session']);
    expect(enter([user('a')]).run.scopes['session']).not.toBe(first.run.scopes['session']);
    // A result in the user's name is no new word; nor is anything in a run that the client names.
    next.run.halt();
    next.leave();
    expect(asked([user('a'), assistant('x'), user('another question'), assistant('z'), user([{ type: 'tool_result' }])])).toBe(next.run.id);
    const named = enter([user('q')], { run: 'r' });
    named.run.halt();
    named.leave();
    expect(asked([user('q'), assistant('z'), user('r')], { run: 'r' })).toBe(named.run.id);
  });

  it('is tried again where it came to nothing, also when it was stopped; and anew once the time has come that was named', async () => {
    const { guard, enter } = opened({ budgets: { user: { modelCalls: 0, window: { rolling: '1s' } } } });
    const first = enter([user('a')]);
    const call = { kind: 'model', model: 'gpt-4o-mini', input: 'a' } as const;
    await expect(first.run.begin(call)).rejects.toMatchObject({ code: 'budget_exceeded' });
    first.leave(true);
    const again = enter([user('a')]);
    expect(again.run.id).toBe(first.run.id);
    again.leave(true);
    const at = first.run.haltError?.halt.denial?.resetsAt ?? 0;
    await expect.poll(() => Date.now() > at, { timeout: 5_000 }).toBe(true);
    expect(enter([user('a')]).run.id).not.toBe(first.run.id);
    expect(guard.lastHalt()?.halt.runId).toBe(first.run.id);
  });

  it('ends when nobody asks for it any more', async () => {
    const { guard, enter } = opened({ idleMs: 20 });
    let ended = 0;
    guard.on('run:end', () => void (ended += 1));
    const busy = enter([user('busy')]);
    enter([user('idle')]).leave();
    await expect.poll(() => ended).toBe(1);
    expect(busy.run.isEnded).toBe(false);
    busy.leave();
    await expect.poll(() => ended).toBe(2);
  });

  it('makes room for others when it has nothing to do, and is never taken away while it has', () => {
    const { runs, enter } = opened({ most: 2 });
    const [one, two] = [enter([user('1')]), enter([user('2')])];
    expect(() => enter([user('3')])).toThrow('no room');
    one.leave();
    const three = enter([user('3')]);
    expect([one.run.isEnded, two.run.isEnded, runs.size]).toEqual([true, false, 2]);
    two.leave();
    three.leave();
  });
});
