import { describe, expect, test } from 'vitest';
import { canonicalArgs, textOf } from '../../../src/loops/canonical.ts';
import { natureOf } from '../../../src/loops/effect.ts';
import { scan } from '../../../src/loops/scan.ts';
import { seenWords } from '../../../src/loops/seen-words.ts';

const settled = (text: string) => scan(text).settled;

describe('canonical arguments', () => {
  test('are the same for keys in another order, a cosmetic field, outer spaces and a last slash', () => {
    const plain = canonicalArgs({ path: '/src', depth: 1 });
    expect(canonicalArgs({ depth: 1.0, path: '/src' })).toBe(plain);
    expect(canonicalArgs({ depth: 1, path: ' /src/ ', thought: 'once more' })).toBe(plain);
    expect(canonicalArgs('{"depth": 1, "path": "/src"}')).toBe(plain);
  });

  test('keep a cosmetic name that is all there is, or that lies deeper', () => {
    expect(canonicalArgs({ reason: 'a' })).not.toBe(canonicalArgs({ reason: 'b' }));
    expect(canonicalArgs({ order: { reason: 'a', id: 1 } })).not.toBe(canonicalArgs({ order: { reason: 'b', id: 1 } }));
  });

  test('leave out what is made anew for each call, and what is said beside a command', () => {
    const order = (more: object) => canonicalArgs({ order: 'W12', ...more });
    expect(order({ trace_id: 'a', attempt: 1, idempotencyKey: 'x' })).toBe(order({ trace_id: 'b', attempt: 2, idempotencyKey: 'y' }));
    expect(canonicalArgs({ command: '# run it\nnpm test', description: 'Runs the tests' })).toBe(
      canonicalArgs({ command: 'npm test', description: 'Once more' }),
    );
  });

  test('keep what is all there is, the words beside the name of an action, and a remark that stands alone', () => {
    expect(canonicalArgs({ attempt: 1 })).not.toBe(canonicalArgs({ attempt: 2 }));
    expect(canonicalArgs({ command: 'create', description: 'a' })).not.toBe(canonicalArgs({ command: 'create', description: 'b' }));
    expect(canonicalArgs({ project: 'ABC', description: 'a' })).not.toBe(canonicalArgs({ project: 'ABC', description: 'b' }));
    expect(canonicalArgs({ code: '# one thing' })).not.toBe(canonicalArgs({ code: '# another thing' }));
  });

  test('survive cycles, depth, getters that throw, lone surrogates and a hundred thousand keys', () => {
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic['self'] = cyclic;
    const deep = Array.from({ length: 5000 }).reduce<unknown>((inner) => ({ inner }), 'x');
    const hostile = {
      get secret(): string {
        throw new Error('no');
      },
      toJSON(): never {
        throw new Error('no');
      },
    };
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]));
    for (const value of [
      cyclic,
      deep,
      hostile,
      '\uD800',
      wide,
      10n,
      Symbol('x'),
      () => 1,
      Number.NaN,
      new Map([['a', 1]]),
      new Uint8Array(4),
    ]) {
      expect(typeof canonicalArgs(value)).toBe('string');
      expect(typeof textOf(value)).toBe('string');
    }
    expect(canonicalArgs({ ...wide, extra: 1 })).not.toBe(canonicalArgs(wide));
  });

  test('tell values apart that differ in meaning', () => {
    const texts = [{ a: 1 }, { a: '1' }, { a: true }, { a: null }, { b: 1 }, [1], ['1'], {}, [], 'a', ''].map((value) =>
      canonicalArgs(value),
    );
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('a settled result', () => {
  test.each([
    ['clocks', 'started at 12:04:31 and ended', 'started at 09:59:02 and ended'],
    ['dates with a time', 'at 2026-11-02T12:04:31Z it failed', 'at 2026-11-03T01:00:00.123+02:00 it failed'],
    ['durations', 'tests failed in 31ms overall', 'tests failed in 1.204s overall'],
    ['durations in words', 'it took 3 seconds to fail', 'it took 14 seconds to fail'],
    ['process ids', 'worker crashed, pid 4021', 'worker crashed, pid 77'],
    ['line numbers of a shell', 'bash: line 12991: cd: no such file', 'bash: line 13008: cd: no such file'],
    ['uuids', 'request 8f14e45f-ceea-467f-a1d2-0c5a1f2b3c4d was refused', 'request 1b4f0e98-1234-4abc-9def-001122334455 was refused'],
    ['addresses', 'object at 0x7f3a2c1d is gone', 'object at 0x55d09a3e is gone'],
    ['commit hashes', 'HEAD is at 3f79971ab2 now', 'HEAD is at b7c589d011 now'],
    ['turns that are left', 'the door is locked, 14 turns left', 'the door is locked, 9 turns left'],
    ['clocks in brackets', '[12:04] the table is locked', '[12:31] the table is locked'],
    ['colours', '\u001B[31mtwo failed\u001B[0m here', 'two failed here'],
  ])('is the same for other %s', (_what, one, other) => {
    expect(settled(one)).toBe(settled(other));
  });

  test.each([
    ['a progress', 'RUNNING, 12 % done', 'RUNNING, 15 % done'],
    ['a count', '12 tests failed', '11 tests failed'],
    ['number of what is left to do', 'the queue has 14 items left', 'the queue has 9 items left'],
    ['hour of a flight', 'the flight leaves at 12:04 today', 'the flight leaves at 12:31 today'],
    ['picture', `the image is ${'a1b2c3d4'.repeat(20)}`, `the image is ${'a1b2c3d5'.repeat(20)}`],
    ['a status', 'the job is queued now', 'the job is running now'],
    ['a sign', 'a == b is what failed', 'a != b is what failed'],
    ['an answer that is nothing but an id', '8f14e45f-ceea-467f-a1d2-0c5a1f2b3c4d', '1b4f0e98-1234-4abc-9def-001122334455'],
    ['an answer that is nothing but a number', '42', '43'],
    ['a price', 'the price is 101.25 today', 'the price is 99.80 today'],
  ])('differs for another %s', (_what, one, other) => {
    expect(settled(one)).not.toBe(settled(other));
  });

  test('sees a change behind ten million characters', () => {
    const text = 'word and more '.repeat(800_000);
    expect(settled(`${text}a`)).not.toBe(settled(`${text}b`));
  });

  test('has one form for all numbers, and another for other words', () => {
    expect(scan('12 of 40 rows').form).toBe(scan('7 of 9 rows').form);
    expect(scan('12 of 40 rows').form).not.toBe(scan('12 of 40 files').form);
  });
});

describe('the nature of a call', () => {
  const effect = (name: string, args: unknown = {}) => natureOf(name, args, undefined, undefined).effect;

  test.each([
    ['read_file', {}, 'read'],
    ['getUserById', {}, 'read'],
    ['mcp__github__list_issues', {}, 'read'],
    ['post_search', {}, 'read'],
    ['create_or_update_file_contents', {}, 'write'],
    ['sendEmail', {}, 'write'],
    ['execute_sql', { query: 'SELECT 1' }, 'read'],
    ['execute_sql', { query: '-- all of it\nINSERT INTO t VALUES (1)' }, 'write'],
    ['bash', { command: 'grep -rn foo src 2>/dev/null' }, 'read'],
    ['bash', { command: 'cd src && ls' }, 'read'],
    ['bash', { command: "sed -n '1,20p' a.txt" }, 'read'],
    ['bash', { command: 'echo hi > a.txt' }, 'write'],
    ['bash', { command: 'sed -i s/a/b/ a.txt' }, 'write'],
    ['bash', { command: 'npm run build' }, 'unknown'],
    ['execute_action', { action_name: 'patch_page' }, 'write'],
    ['frobnicate', {}, 'unknown'],
  ])('%s %j: %s', (name, args, expected) => {
    expect(effect(name, args)).toBe(expected);
  });

  test('is taken from the host where it hints, and from the policy first', () => {
    expect(natureOf('frobnicate', {}, undefined, { readOnlyHint: true }).effect).toBe('read');
    expect(natureOf('frobnicate', {}, undefined, { readOnlyHint: false, destructiveHint: true })).toMatchObject({
      effect: 'write',
      hasSideEffects: true,
    });
    expect(natureOf('charge', {}, undefined, { destructiveHint: true, idempotentHint: true }).hasSideEffects).toBe(false);
    expect(natureOf('frobnicate', {}, { sideEffects: true }, { readOnlyHint: true })).toMatchObject({
      effect: 'write',
      hasSideEffects: true,
    });
  });

  test('knows what polls and what waits', () => {
    expect(natureOf('get_job_status', {}, undefined, undefined).isPoll).toBe(true);
    expect(natureOf('sleep', {}, undefined, undefined).isWait).toBe(true);
    expect(natureOf('bash', { command: 'sleep 5' }, undefined, undefined)).toMatchObject({ isWait: true, isPaced: false });
    expect(natureOf('bash', { command: 'sleep 5; gh run view' }, undefined, undefined)).toMatchObject({ isWait: false, isPaced: true });
  });
});

describe('the memory of words', () => {
  const words = (text: string) => scan(text).words;

  test('finds a text new once, and its copy old', () => {
    const memory = seenWords();
    expect(memory.read(words('the quick brown fox jumps over the lazy dog'))).toBeGreaterThan(0.8);
    expect(memory.read(words('the quick brown fox jumps over the lazy dog'))).toBe(0);
  });

  test('is the same after it was saved and taken back', () => {
    const memory = seenWords();
    memory.read(words('the quick brown fox jumps over the lazy dog'));
    const taken = seenWords(JSON.parse(JSON.stringify(memory.save())));
    expect(taken.read(words('the quick brown fox jumps over the lazy dog'))).toBe(0);
  });
});
