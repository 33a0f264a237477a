import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditLog, createGuard, type AuditEntry } from 'holdfast';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replay } from '../../../../integrations/cli/replay/command.ts';
import { modelStep, runStart } from '../../../support/audit-entries.ts';
import { capturedIo } from '../../../support/captured-io.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-replay-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function replayed(entries: readonly object[], ...args: readonly string[]) {
  const file = join(folder, 'audit.jsonl');
  writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  return replayedFile(file, ...args);
}

async function replayedFile(file: string, ...args: readonly string[]) {
  const { io, out, err } = capturedIo();
  const code = await replay.run([file, ...args], io);
  return { code, out: out(), err: err() };
}

const linesOf = (out: string) =>
  out
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as Record<string, unknown> & {
          readonly verdicts: readonly object[];
          readonly usd: { readonly total: number | null };
        },
    );

const end = (run: string): object => ({ ...runStart(run), event: 'run:end' });
const verdict = (run: string, step: number, level: 'warn' | 'halt', members: readonly number[]): object => ({
  ...runStart(run),
  event: 'loop:verdict',
  level,
  kind: 'repeat',
  period: 1,
  laps: members.length,
  step,
  firstStep: members[0],
  steps: members,
  identity: 'abc',
  reason: `tool look came ${members.length} times`,
});

describe('holdfast replay of an audit log', () => {
  test('tells the verdicts and figures that a guard wrote down', async () => {
    const file = join(folder, 'guard.jsonl');
    const log = auditLog(file);
    const guard = createGuard({ ladder: [] });
    log.follow(guard);
    await guard
      .run(async (run) => {
        for (let turn = 0; turn < 12; turn++) {
          await run.step({ kind: 'tool', name: 'look', args: { at: 'here' }, usd: 0.01 }, async () => ({ output: 'nothing changes' }));
        }
      })
      .catch(() => undefined);
    await guard.close();
    await log.close();
    const { code, out } = await replayedFile(file, '--json');
    const [line] = linesOf(out);
    expect(code).toBe(3);
    expect(line).toMatchObject({ haltedAt: 4, cause: 'loop', estimated: false });
    expect(line?.verdicts).toMatchObject([
      { step: 2, level: 'warn', kind: 'repeat' },
      { step: 4, level: 'halt', kind: 'repeat', firstStep: 0, laps: 5 },
    ]);
    expect(line?.usd.total).toBeCloseTo(0.05, 9);
  });

  test('puts sub-agents with the run that they belong to, and tells interleaved runs apart', async () => {
    const entries: readonly AuditEntry[] = [
      modelStep({ run: 'a', step: 0 }),
      modelStep({ run: 'b', step: 0 }),
      modelStep({ run: 'a-child', parent: 'a', step: 1 }),
      modelStep({ run: 'a-grandchild', parent: 'a-child', step: 2 }),
      modelStep({ run: 'b', step: 1 }),
    ];
    const { out } = await replayed([...entries, end('b'), end('a')], '--json');
    expect(linesOf(out).map(({ id, steps }) => [id, steps])).toEqual([
      ['b', 2],
      ['a', 3],
    ]);
  });

  test('counts steps by their place, with those left out that were given back', async () => {
    const entries = [0, 3, 4, 7].map((step) => modelStep({ run: 'a', step, outcome: step === 3 ? 'released' : 'ok' }));
    const { out } = await replayed([...entries, verdict('a', 7, 'warn', [4, 7])], '--json', '--all');
    expect(linesOf(out)[0]).toMatchObject({ steps: 3, haltedAt: null, verdicts: [{ step: 2, firstStep: 1 }] });
  });

  test('applies limits to what was really used', async () => {
    const entries = Array.from({ length: 6 }, (_, step) => modelStep({ run: 'a', step, input: 100, output: 20 }));
    const { code, out } = await replayed([...entries, end('a')], '--json', '--tokens', '400');
    expect(code).toBe(3);
    expect(linesOf(out)[0]).toMatchObject({ haltedAt: 3, cause: 'budget', tokens: { total: 720, saved: 360 } });
  });

  test('says null for money where a model had no price', async () => {
    const unpriced = modelStep({ run: 'a', priceSource: undefined, used: { tokens: 10, steps: 1, modelCalls: 1 } });
    const { out } = await replayed([unpriced, modelStep({ run: 'a', step: 1 })], '--json');
    expect(linesOf(out)[0]).toMatchObject({ tokens: { total: 130 }, usd: { total: null } });
  });

  test('says that it shows what was recorded, and that no preset changes it', async () => {
    const entries = Array.from({ length: 5 }, (_, step) => modelStep({ run: 'a', step }));
    const { out } = await replayed([...entries, verdict('a', 4, 'halt', [0, 1, 2, 3, 4])], '--loops', 'gentle');
    expect(out).toMatch(/1 run from an audit log: verdicts as recorded/);
    expect(replay.help).toMatch(/audit log holds no\ncontent/);
  });

  test('names lines of a newer version, and reads on', async () => {
    const newer = { ...modelStep({ run: 'a' }), v: 99 };
    const { code, out, err } = await replayed([newer, modelStep({ run: 'a', step: 1 })], '--json');
    expect(code).toBe(0);
    expect(err).toContain('audit.jsonl:1: is of version 99');
    expect(linesOf(out)[0]).toMatchObject({ steps: 1 });
  });
});
