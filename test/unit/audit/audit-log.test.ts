import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { auditLog, createGuard, hmac, InvalidOptionError, type Guard, type GuardEvents } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { allOf } from '../../support/audit-log.ts';
import { builtPackage } from '../../support/built-package.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-audit-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => path.join(scratch, `log-${(files += 1)}`, 'audit.jsonl');

const usage = { inputTokens: 100, outputTokens: 10 };
const secret = 'a-secret-of-enough-bytes';

async function work(guard: Guard, user = 'alice'): Promise<void> {
  await guard.run({ scopes: { user }, id: undefined }, async (run) => {
    await run.step({ kind: 'model', model: 'gpt-4o', input: 'the secret prompt' }, async () => ({ output: 'the secret answer', usage }));
    await run.step({ kind: 'tool', name: 'search', args: { q: 'the secret argument' } }, async () => ({ output: 'the secret result' }));
  });
}

describe('the audit log', () => {
  it('tells the whole story of a run, and none of its content', async () => {
    const file = newFile();
    const log = auditLog(file);
    const guard = createGuard();
    log.follow(guard);
    await work(guard);
    await log.close();
    const { entries, problems } = await allOf(file);
    expect(problems).toEqual([]);
    expect(entries.map(({ event }) => event)).toEqual(['run:start', 'step:start', 'step:end', 'step:start', 'step:end', 'run:end']);
    expect(entries[2]).toMatchObject({
      kind: 'model',
      name: 'gpt-4o',
      scopes: { user: 'alice' },
      used: { nanoUsd: 350_000, tokens: 110, steps: 1 },
    });
    expect(entries[5]).toMatchObject({ used: { nanoUsd: 350_000, steps: 2, toolCalls: 1 } });
    expect(readFileSync(file, 'utf8')).not.toContain('secret');
  });

  it('writes verdicts, halts and refusals, each once', async () => {
    const file = newFile();
    const log = auditLog(file);
    const guard = createGuard({ budgets: { user: { toolCalls: 2 } } });
    log.follow(guard);
    const run = guard.start({ scopes: { user: 'bob' } });
    const call = () => run.step({ kind: 'tool', name: 'look', args: {} }, async () => ({ output: Math.random() }));
    await call();
    await call();
    await expect(call()).rejects.toThrow('user budget exceeded');
    await run.end();
    await log.close();
    const { entries } = await allOf(file);
    expect(entries.filter(({ event }) => event === 'run:halt')).toMatchObject([
      { cause: 'budget', step: 2, denial: { scope: 'user', id: 'bob', dimension: 'toolCalls', limit: 2 } },
    ]);
    const alerts = entries.flatMap((entry) => (entry.event === 'budget:alert' ? [entry.threshold] : []));
    expect(alerts).toEqual([0.5, 0.8, 0.95]);
  });

  it('writes ids as hashes that are the same for the same id, and different with another key', async () => {
    const usersWith = async (key: string): Promise<string[]> => {
      const file = newFile();
      const log = auditLog(file, { ids: hmac(key) });
      const guard = createGuard({ budgets: { user: { toolCalls: 1 } } });
      log.follow(guard);
      await expect(work(guard).then(() => work(guard))).rejects.toThrow('budget exceeded');
      await log.close();
      expect(readFileSync(file, 'utf8')).not.toContain('alice');
      const { entries } = await allOf(file);
      return [...new Set(entries.flatMap((entry) => ('scopes' in entry ? [String(entry.scopes['user'])] : [])))];
    };
    const [one, other] = [await usersWith(secret), await usersWith(`${secret}2`)];
    expect(one).toHaveLength(1);
    expect(one).not.toEqual(other);
  });

  it('refuses a key that can be guessed, and sizes that are none', () => {
    expect(() => hmac('short')).toThrow(InvalidOptionError);
    expect(() => auditLog(newFile(), { rotateBytes: 0 })).toThrow(/rotateBytes: expected a whole number/);
  });

  it('cuts off the torn line that a crash left, keeps a whole one without its end, and goes on', async () => {
    for (const [tail, kept] of [
      ['{"v":1,"at":7,"ev', 1],
      ['{"v":1,"at":7,"event":"log:gap","entries":1}', 2],
    ] as const) {
      const file = newFile();
      await auditLog(file).close();
      appendFileSync(file, `{"v":1,"at":6,"event":"log:gap","entries":1}\n${tail}`);
      const log = auditLog(file);
      const guard = createGuard();
      log.follow(guard);
      await work(guard);
      await log.close();
      const { entries, problems } = await allOf(file);
      expect(problems).toEqual([]);
      expect(entries.map(({ event }) => event).slice(0, kept + 1)).toEqual([...Array.from({ length: kept }, () => 'log:gap'), 'run:start']);
    }
  });

  it('is put aside when it has grown, and keeps as many files as it may', async () => {
    const file = newFile();
    const log = auditLog(file, { rotateBytes: 500, keep: 2 });
    const guard = createGuard();
    log.follow(guard);
    for (let round = 0; round < 6; round += 1) {
      await work(guard);
      await log.flush();
    }
    await log.close();
    const names = readdirSync(path.dirname(file)).sort();
    expect(names).toHaveLength(3);
    expect(names.at(-1)).toBe('audit.jsonl');
    const rest = await allOf(path.join(path.dirname(file), names[1] ?? ''));
    expect(rest.problems).toEqual([]);
    expect(rest.entries.length).toBeGreaterThan(0);
  });

  it('holds no more entries than it may for a stream that does not read, and says how many it lost', async () => {
    const stuck = new PassThrough({ highWaterMark: 1 });
    const log = auditLog(stuck, { maxPending: 4_000 });
    const guard = createGuard();
    log.follow(guard);
    for (let round = 0; round < 20; round += 1) await work(guard);
    expect(log.counts.lost).toBeGreaterThan(0);
    let text = '';
    stuck.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await log.flush();
    expect(text).toContain(`"event":"log:gap","entries":${log.counts.lost}`);
    expect(text.trim().split('\n')).toHaveLength(log.counts.written + 1);
    await log.close();
  });

  it('tells of a stream that fails, and harms no run', async () => {
    const errors: unknown[] = [];
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) });
    const log = auditLog(failing, { onError: (error) => errors.push(error) });
    const guard = createGuard();
    log.follow(guard);
    await work(guard);
    await log.flush();
    await work(guard);
    await log.close();
    expect(errors).toHaveLength(1);
    expect(log.counts.lost).toBeGreaterThanOrEqual(6);
  });

  it('says of entries that no stream or disk will get that they are lost', async () => {
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) });
    const gone = new Writable({ write: (_chunk, _encoding, done) => done() });
    gone.destroy();
    await once(gone, 'close');
    for (const [name, target] of [
      ['failing', failing],
      ['gone', gone],
      ...(existsSync('/dev/full') ? [['full', '/dev/full'] as const] : []),
    ] as const) {
      const errors: unknown[] = [];
      const log = auditLog(target, { onError: (error) => errors.push(error) });
      const guard = createGuard();
      log.follow(guard);
      await work(guard);
      // A disk may recover; a stream does not.
      if (name !== 'full') await log.flush();
      if (name !== 'full') expect(log.counts, name).toEqual({ written: 0, lost: 6 });
      await log.close();
      expect(errors.length, name).toBeGreaterThan(0);
      expect(log.counts, name).toEqual({ written: 0, lost: 6 });
    }
  });

  it('goes on in its file where that cannot be put aside, and puts it aside when it can', async () => {
    const file = newFile();
    const now = Date.UTC(2026, 0, 15, 12);
    const blocks = Array.from({ length: 100 }, (_, count) =>
      path.join(path.dirname(file), `audit.2026-01-15T12-00-00-000Z.${String(count + 1).padStart(5, '0')}.jsonl`),
    );
    for (const block of blocks) mkdirSync(path.join(block, 'not empty'), { recursive: true });
    const errors: unknown[] = [];
    const log = auditLog(file, { rotateBytes: 500, now: () => now, onError: (error) => errors.push(error) });
    const guard = createGuard();
    log.follow(guard);
    for (let round = 0; round < 3; round += 1) {
      await work(guard);
      await log.flush();
    }
    expect((await allOf(file)).entries).toHaveLength(18);
    expect(errors.length).toBeGreaterThan(0);
    for (const block of blocks) rmSync(block, { recursive: true });
    await work(guard);
    await log.close();
    const lines = readdirSync(path.dirname(file)).map(
      (name) => readFileSync(path.join(path.dirname(file), name), 'utf8').split('\n').length - 1,
    );
    expect(lines.toSorted((a, b) => a - b)).toEqual([0, 24]);
  });

  it('has written what it heard at whatever moment, once it is flushed', async () => {
    for (let turns = 0; turns < 20; turns += 1) {
      let text = '';
      let tell: (event: GuardEvents['scope:missing']) => unknown = () => undefined;
      const tellAfter = (left: number): void => {
        if (left === 0) tell({ scope: 'user', account: 'last' });
        else queueMicrotask(() => tellAfter(left - 1));
      };
      const stream = new Writable({
        write(chunk: Buffer, _encoding, done) {
          if (text === '') tellAfter(turns);
          text += chunk.toString();
          done();
        },
      });
      const log = auditLog(stream);
      const source = { on: (event: string, listener: never) => (event === 'scope:missing' ? (tell = listener) : undefined, () => {}) };
      log.follow(source as never);
      tell({ scope: 'user', account: 'first' });
      await new Promise((resolve) => setImmediate(resolve));
      await log.flush();
      expect(text, String(turns)).toContain('last');
      await log.close();
    }
  });

  it('writes what still waits when the process ends by itself or by an error', async () => {
    const folder = await builtPackage(scratch);
    for (const ending of ['process.exit(0)', "throw new Error('crash')"]) {
      const file = newFile();
      const script = `
        import { auditLog, createGuard } from './holdfast.js';
        const guard = createGuard();
        auditLog(${JSON.stringify(file)}).follow(guard);
        const run = guard.start();
        for (let i = 0; i < 50; i++) await run.step({ kind: 'tool', name: 't' + i, args: {} }, async () => ({ output: i }));
        ${ending};`;
      spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
      const { entries, problems } = await allOf(file);
      expect(problems).toEqual([]);
      expect(entries.filter(({ event }) => event === 'step:end')).toHaveLength(50);
    }
  }, 120_000);

  it('has every entry with the time of its event, in the order in which they came, however late it is written', async () => {
    const file = newFile();
    const clock = fakeClock();
    const log = auditLog(file);
    const guard = createGuard({ clock, budgets: { user: { toolCalls: 4 } } });
    log.follow(guard);
    const run = guard.start({ scopes: { user: 'alice' } });
    const times: number[] = [];
    for (let step = 0; step < 4; step += 1) {
      clock.advance(1_000);
      times.push(clock.now());
      await run.step({ kind: 'tool', name: 'look', args: { step } }, async () => ({ output: step }));
    }
    expect(log.counts).toEqual({ written: 12, lost: 0 });
    await run.end();
    await log.close();
    const { entries } = await allOf(file);
    const told = entries.filter(({ event }) => event === 'step:end' || event === 'budget:alert');
    expect(told.map(({ event, at }) => [event, at])).toEqual([
      ['step:end', times[0]],
      ['budget:alert', times[1]],
      ['step:end', times[1]],
      ['step:end', times[2]],
      ['budget:alert', times[3]],
      ['budget:alert', times[3]],
      ['step:end', times[3]],
    ]);
  });

  it('has what happened until it stops following, and nothing after', async () => {
    const file = newFile();
    const log = auditLog(file);
    const guard = createGuard();
    const stop = log.follow(guard);
    await work(guard);
    stop();
    await work(guard);
    await log.close();
    expect((await allOf(file)).entries).toHaveLength(6);
  });

  it('stops when it is told to', async () => {
    const file = newFile();
    const log = auditLog(file);
    const guard = createGuard();
    const stop = log.follow(guard);
    stop();
    await work(guard);
    await log.close();
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});
