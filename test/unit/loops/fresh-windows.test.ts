import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { recordsOf } from '../../../src/testing/loop-cases/script.ts';
import { call, fail, freshText, levels, times } from '../../support/loop-steps.ts';

const isCalm = (steps: Parameters<typeof levels>[0], options = {}) => levels(steps, options).every((level) => level === undefined);

describe('a repeat that a person approved', () => {
  const send = (approved: boolean) => call('send_reminder', { to: 'ann' }, 'sent', { approved });
  const tools = { tools: { send_reminder: { sideEffects: true } } };

  test('is no loop, however often it is approved', () => {
    expect(isCalm(times(12, () => send(true)))).toBe(true);
    expect(
      isCalm(
        times(12, () => send(true)),
        tools,
      ),
    ).toBe(true);
    expect(isCalm(times(12, () => fail('deploy', { to: 'stage' }, 'refused by the server', { approved: true })))).toBe(true);
    expect(isCalm(times(12, (i) => [send(true), call('read_inbox', {}, 'nothing new', { approved: i % 2 === 0 })]))).toBe(true);
  });

  test('begins a fresh window, and is judged in it like any other', () => {
    const steps = [...times(2, () => send(false)), send(true), ...times(4, () => send(false))];
    expect(levels(steps).slice(2)).toEqual(levels(times(5, () => send(false))));
    expect(levels(times(5, () => send(false))).at(-1)).toBe('halt');
  });

  test('frees no other call', () => {
    const read = () => call('read_file', { path: 'a.ts' }, 'the same text');
    const steps = [...times(4, read), call('send_reminder', { to: 'ann' }, 'sent', { approved: true }), ...times(4, read)];
    expect(levels(steps)).toContain('halt');
  });

  test('is remembered when the run is resumed in another process', () => {
    const records = recordsOf([...times(3, () => send(false)), send(true), ...times(2, () => send(false))]);
    const before = createLoopJudge();
    for (const record of records.slice(0, 4)) before.observe(record);
    const after = createLoopJudge({}, JSON.parse(JSON.stringify(before.save())));
    expect(records.slice(4).map((record) => after.observe(record)?.level)).toEqual([undefined, 'warn']);
  });
});

describe('what is read again after a compaction', () => {
  const anchors = (epoch: number | undefined) =>
    ['plan.md', 'notes.md', 'api.md'].map((path) =>
      call('read_file', { path }, `the text of ${path}`, epoch === undefined ? {} : { epoch }),
    );
  const work = (i: number) => times(3, (j) => call('read_file', { path: `src/${i}-${j}.ts` }, freshText(i * 10 + j)));

  test('is no repetition, compaction after compaction, while the work gets on', () => {
    expect(isCalm(times(16, (i) => [...anchors(i), ...work(i)]))).toBe(true);
    expect(isCalm(times(16, (i) => [...anchors(undefined), ...work(i)]))).toBe(false);
  });

  test('is one the second time within the same compaction', () => {
    const once = [...anchors(0), ...anchors(1)];
    expect(levels([...once, ...times(6, () => anchors(1))])).toContain('halt');
  });

  test('is one where nothing but compactions lies between: the compaction itself has become the loop', () => {
    const steps = times(8, (i) => call('read_file', { path: 'plan.md' }, 'the text', { epoch: i }));
    expect(levels(steps)).toEqual([undefined, undefined, undefined, 'warn', undefined, 'halt', 'halt', 'halt']);
    expect(levels(times(9, (i) => anchors(i)))).toContain('halt');
  });

  test('is asked, not done: a repeated change is judged as ever', () => {
    const steps = (epoch: (i: number) => number) => times(6, (i) => call('create_ticket', { title: 'x' }, 'created', { epoch: epoch(i) }));
    expect(levels(steps((i) => i))).toEqual(levels(steps(() => 0)));
  });

  test('is excused in another process as in this one', () => {
    const records = recordsOf(times(10, (i) => [...anchors(i), ...work(i)]));
    const before = createLoopJudge();
    for (const record of records.slice(0, 27)) before.observe(record);
    const after = createLoopJudge({}, JSON.parse(JSON.stringify(before.save())));
    expect(records.slice(27).every((record) => after.observe(record) === undefined)).toBe(true);
  });
});
