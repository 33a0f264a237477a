import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { recordsOf } from '../../../src/testing/loop-cases/script.ts';
import { call, fail, freshText, judged, levels, say, times } from '../../support/loop-steps.ts';

const same = (count: number) => times(count, () => call('read_file', { path: 'a.ts' }, 'the same text'));

describe('the judge', () => {
  test('warns at the third identical call and halts at the fifth', () => {
    expect(levels(same(5))).toEqual([undefined, undefined, 'warn', undefined, 'halt']);
  });

  test('is slower when gentle, faster when strict, and silent when off', () => {
    const first = (level: string, loops: 'gentle' | 'strict' | 'off') => levels(same(12), { loops }).indexOf(level as 'warn');
    expect([first('warn', 'gentle'), first('halt', 'gentle')]).toEqual([3, 7]);
    expect([first('warn', 'strict'), first('halt', 'strict')]).toEqual([1, 2]);
    expect([first('warn', 'off'), first('halt', 'off')]).toEqual([-1, -1]);
  });

  test('takes single figures over those of a preset', () => {
    expect(levels(same(9), { loops: { warnAt: 4, haltAt: 7 } })).toEqual([
      undefined,
      undefined,
      undefined,
      'warn',
      undefined,
      undefined,
      'halt',
      'halt',
      'halt',
    ]);
  });

  test('leaves out the detectors that are named', () => {
    const all = ['repeat', 'cycle', 'no-news', 'same-outcome', 'stale-ground', 'growth', 'handoff', 'same-words'] as const;
    expect(levels(same(12), { loops: { without: all } }).every((level) => level === undefined)).toBe(true);
    expect(levels(same(12), { loops: { without: ['repeat'] } })).toContain('warn');
  });

  test('tells one loop once before it halts, even when several detectors see it', () => {
    const verdicts = judged(times(6, () => [call('a', {}, 'one'), call('b', {}, 'two')]));
    expect(verdicts.filter((verdict) => verdict?.level === 'warn')).toHaveLength(1);
  });

  test('names a cycle with its period, its laps and its steps', () => {
    const verdict = judged(times(12, (i) => call(`tool_${i % 3}`, {}, `result ${i % 3}`))).findLast((said) => said !== undefined);
    expect(verdict).toMatchObject({ kind: 'cycle', period: 3, firstStep: 0 });
    expect(verdict?.steps.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('gives one cycle one identity, wherever it is entered', () => {
    const identityFrom = (offset: number) =>
      judged(times(24, (i) => call(`tool_${(i + offset) % 4}`, {}, `result ${(i + offset) % 4}`))).findLast(
        (said) => said?.kind === 'cycle',
      )?.identity;
    expect(identityFrom(1)).toBe(identityFrom(0));
    expect(identityFrom(3)).toBe(identityFrom(0));
  });

  test('counts calls that were asked for at once as one', () => {
    expect(
      levels(times(12, (i) => call('read_file', { path: 'a.ts' }, 'text', { isSameRound: i > 0 }))).every((level) => level === undefined),
    ).toBe(true);
  });

  test('says what the laps after the first cost', () => {
    expect(judged(same(5)).at(-1)?.waste).toEqual({ steps: 4, tokens: 2000, nanoUsd: 400_000 });
  });

  test('says null for a cost that nobody knows', () => {
    const judge = createLoopJudge();
    const verdicts = recordsOf(same(5)).map((record) => judge.observe({ ...record, tokens: null, nanoUsd: null }));
    expect(verdicts.at(-1)?.waste).toEqual({ steps: 4, tokens: null, nanoUsd: null });
  });

  test('halts a loop sooner when it has already burnt a great deal', () => {
    const judge = createLoopJudge();
    const verdicts = recordsOf(same(5)).map((record) => judge.observe({ ...record, tokens: 100_000 }));
    expect(verdicts.map((verdict) => verdict?.level).indexOf('halt')).toBe(3);
  });

  test('keeps content out of its reason, and shows it on demand', () => {
    const secret = 'hunter2-very-secret';
    const verdict = judged(times(5, () => call('login', { password: secret }, `no access for ${secret}`))).at(-1);
    expect(JSON.stringify({ ...verdict, evidence: undefined })).not.toContain(secret);
    expect(JSON.stringify(verdict?.evidence())).toContain(secret);
    expect(verdict?.evidence().map(({ step }) => step)).toEqual(verdict?.steps);
  });

  test('warns again of a loop that was broken by progress and begins again', () => {
    const steps = [
      ...same(3),
      call('read_file', { path: 'a.ts' }, 'another text'),
      ...times(8, (i) => call('read_file', { path: 'b.ts', i }, freshText(i))),
      ...same(4),
    ];
    expect(levels(steps).filter((level) => level === 'warn')).toHaveLength(2);
  });

  test('judges messages of a model that asks for no tool', () => {
    expect(levels(times(5, () => say('I will do it now.'))).at(-1)).toBe('halt');
  });

  test('does not judge the words of a model that asks for tools', () => {
    const judge = createLoopJudge();
    const records = recordsOf(times(8, () => say('Let me look.')));
    expect(
      records
        .map((record) => judge.observe({ ...record, toolCalls: [{ name: 'read_file', args: {} }] }))
        .every((verdict) => verdict === undefined),
    ).toBe(true);
  });

  test('compares hashes where a record holds only a part of the text', () => {
    const judge = createLoopJudge();
    const records = recordsOf(times(8, () => call('read_file', { path: 'a.ts' }, 'the same head')));
    expect(records.map((record, i) => judge.observe({ ...record, outputHash: `hash-${i}` })?.level)).not.toContain('halt');
    const other = createLoopJudge();
    expect(records.map((record) => other.observe({ ...record, outputHash: 'one' })?.level)).toContain('halt');
  });

  test('judges two agents that run side by side each by its own calls', () => {
    expect(
      levels(times(4, (i) => call('read_file', { path: 'README.md' }, 'text', { runId: `agent-${i}`, parentRunId: 'run' }))).every(
        (level) => level === undefined,
      ),
    ).toBe(true);
  });
});

describe('what happened since', () => {
  const check = () => call('run_tests', {}, 'all 12 passed');
  const failing = () => fail('run_tests', {}, 'expected 3, received 2');
  const edit = (i: number) => call('edit_file', { text: freshText(i, 4) }, 'ok');

  test('excuses a check that succeeds after every change', () => {
    expect(levels(times(20, (i) => [edit(i), check()])).every((level) => level === undefined)).toBe(true);
  });

  test('excuses a check that fails after every change only for a while', () => {
    const said = levels(times(20, (i) => [edit(i), failing()]));
    expect(said.indexOf('warn')).toBeGreaterThan(6);
    expect(said).toContain('halt');
  });

  test('takes the weight from a repeat whose answer changes', () => {
    expect(levels(times(20, (i) => call('get_queue', {}, freshText(i, 8)))).every((level) => level === undefined)).toBe(true);
  });

  test('takes the pace of a model for no back-off: gaps that go up and down', () => {
    const seconds = [3, 9, 4, 7, 11, 2, 8, 5, 12, 6, 9, 4];
    const said = levels(seconds.map((gap) => call('read_file', { path: 'a.ts' }, 'the same text', { gapMs: gap * 1000 })));
    expect(said.indexOf('halt')).toBeLessThanOrEqual(7);
    const swinging = levels(times(12, (i) => call('read_file', { path: 'a.ts' }, 'the same text', { gapMs: i % 2 === 0 ? 12_000 : 3000 })));
    expect(swinging.indexOf('halt')).toBeLessThanOrEqual(5);
  });

  test('takes two jobs that are asked in turns, at growing intervals, for patience', () => {
    const ask = (id: number, i: number) => call('render_state', { id }, 'waiting', { gapMs: 1000 * 2 ** i });
    expect(levels(times(7, (i) => [ask(1, i), ask(2, i)]))).not.toContain('halt');
  });

  test('takes a die of four sides for one, not for places that are known', () => {
    const throws = '13241432134231241432'.split('').map((side) => call('roll', {}, side));
    expect(levels(throws)).not.toContain('halt');
    const walk = '13241432134231241432'.split('').map((side) => call('move', { to: side }, `place ${side}`));
    expect(levels(walk)).toContain('halt');
  });

  test('takes another failure behind a change for progress, and the same numbers again for none', () => {
    const tests = (left: (i: number) => number) =>
      levels(times(12, (i) => [edit(i), fail('run_tests', {}, `Tests: ${left(i)} failed, ${20 - left(i)} passed`)]));
    expect(tests((i) => 14 - i)).not.toContain('halt');
    expect(tests(() => 14)).toContain('halt');
  });

  test('says of results that differ in numbers alone that they do, and is slow to halt them', () => {
    const said = levels(times(30, (i) => call('measure', {}, `the room is at ${210 + ((i * 37) % 91)} degrees`)));
    expect(said).toContain('warn');
    expect(said).not.toContain('halt');
  });

  test('takes a state of the world that moved for progress', () => {
    expect(
      levels(times(20, (i) => call('press', { key: 'Down' }, 'ok', { stateHash: `s${i}` }))).every((level) => level === undefined),
    ).toBe(true);
    expect(levels(times(20, () => call('press', { key: 'Down' }, 'ok', { stateHash: 's' })))).toContain('halt');
    const turns = (state: (i: number) => string) =>
      levels(times(12, (i) => [call('look', {}, 'a road'), call('press', { key: 'Down' }, 'ok', { stateHash: state(i) })]));
    expect(turns((i) => `s${i}`)).not.toContain('halt');
    expect(turns(() => 's')).toContain('halt');
  });

  test('lets a repeat after a person has spoken weigh less', () => {
    const asked = times(6, (i) => [
      fail('get_booking', { id: 'X' }, 'booking X is not known here'),
      say(`no luck ${freshText(i, 3)}`, { reply: freshText(i, 5) }),
    ]);
    expect(levels(asked).indexOf('halt')).toBe(-1);
  });

  test('lets failures that pass by themselves weigh less', () => {
    const overloaded = times(12, () => fail('get_rates', {}, 'HTTP 503: try again later'));
    expect(levels(overloaded).indexOf('halt')).toBeGreaterThan(7);
  });

  test('counts a call that the guard held back as made, whatever the guard answered', () => {
    const held = [
      ...times(2, () => call('read_file', {}, 'text')),
      ...times(3, () => call('read_file', {}, 'held back', { answeredByGuard: true })),
    ];
    expect(levels(held).at(-1)).toBe('halt');
  });
});

describe('messages without a tool call', () => {
  const rebuke = 'Your answer holds no tool call. Please call a tool.';
  const words = (i: number) => say(freshText(i, 9), { reply: rebuke });
  const rebuked = (count: number) => times(count, (i) => words(i));

  test('are a loop when one reply answers them all', () => {
    expect(levels(rebuked(9)).at(-1)).toBe('halt');
    expect(judged(rebuked(9)).at(-1)?.kind).toBe('same-reply');
  });

  test('are none when a person says `go on`, when replies differ, or when tools are used', () => {
    expect(levels(times(20, (i) => say(freshText(i, 9), { reply: 'yes, go on' })))).not.toContain('warn');
    expect(levels(times(20, (i) => say(freshText(i, 9), { reply: `${rebuke} ${freshText(i, 2)}` })))).not.toContain('warn');
    expect(levels(times(20, (i) => [words(i), call('read_file', { path: freshText(i, 1) }, freshText(i, 30))]))).not.toContain('warn');
  });
});

describe('several agents', () => {
  const turn = (i: number) => (i % 2 === 0 ? (['billing', 'support'] as const) : (['support', 'billing'] as const));
  const transfer = (i: number) =>
    call(`transfer_to_${turn(i)[1]}`, { reason: freshText(i, 5) }, `Transferred to ${turn(i)[1]}.`, { agent: turn(i)[0] });

  test('that transfer to each other for ever new reasons are a loop, and those that work in between are none', () => {
    expect(judged(times(24, (i) => transfer(i))).findLast((verdict) => verdict !== undefined)).toMatchObject({
      level: 'halt',
      kind: 'handoff',
    });
    const working = times(24, (i) => [transfer(i), call('get_invoice', { id: i }, freshText(i, 20), { agent: turn(i)[1] })]);
    expect(levels(working)).not.toContain('warn');
  });

  test('that read the same documents side by side hand nothing over', () => {
    const steps = times(20, (i) =>
      ['a', 'b', 'c'].map((runId) => call('read_file', { path: `docs/${i}.md` }, freshText(i % 12, 60), { runId, parentRunId: 'run' })),
    );
    expect(levels(steps)).not.toContain('halt');
  });
});

describe('other calls with one answer', () => {
  const page = freshText(1, 60);
  const asked = (name: string, count: number, output: unknown) =>
    levels(times(count, (i) => call(name, { about: freshText(i, 2) }, output)));

  test('are told where a tool that nobody knows finds nothing, and are none where it is silent', () => {
    expect(asked('frobnicate', 24, 'No matches found')).toContain('warn');
    expect(asked('frobnicate', 24, '')).not.toContain('warn');
  });

  test('are told where a list is empty, page after page', () => {
    expect(levels(times(24, (i) => call('list_orders', { page: i }, { items: [], total: 42 })))).toContain('warn');
  });

  test('halt late where nobody knows what the tool does, and never where it only puts something in', () => {
    expect(asked('frobnicate', 30, page).indexOf('halt')).toBeGreaterThan(12);
    expect(asked('fill_field', 30, page)).not.toContain('warn');
  });
});
