import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { costFindings, followAuditLog, readAuditLog, spendReport } from 'holdfast';
import { afterAll, describe, expect, it } from 'vitest';
import { modelStep } from '../../support/audit-entries.ts';
import { allOf } from '../../support/audit-log.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-reading-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('readAuditLog', () => {
  it('tells of lines that are none of ours and reads on', async () => {
    const file = path.join(scratch, 'strange.jsonl');
    const good = '{"v":1,"at":6,"event":"log:gap","entries":1}';
    writeFileSync(file, [good, 'no json', '42', '{"v":99,"at":1,"event":"x"}', `{"x":"${'a'.repeat(2 ** 20)}"}`, good].join('\n'));
    const { entries, problems } = await allOf(file);
    expect(entries).toHaveLength(2);
    expect(problems).toEqual([
      '2: is not JSON',
      '3: is no entry of an audit log',
      '4: is of version 99 of the log; this holdfast reads up to 1',
      '5: is longer than a line of an audit log can be',
    ]);
  });

  it('reads packed files, and letters that are split over two chunks', async () => {
    const file = path.join(scratch, 'packed.jsonl.gz');
    const line = '{"v":1,"at":6,"event":"scope:missing","what":"ü→é"}\n';
    writeFileSync(file, gzipSync(line.repeat(3_000)));
    const { entries, problems } = await allOf(file);
    expect(problems).toEqual([]);
    expect(new Set(entries.map((entry) => 'what' in entry && entry.what))).toEqual(new Set(['ü→é']));
    expect(entries).toHaveLength(3_000);
  });

  it.runIf(existsSync('/proc/self/fd'))('closes a packed file that is not read to its end, and ends with what a hook throws', async () => {
    const file = path.join(scratch, 'half-read.jsonl.gz');
    // It does not pack well: much of the file is left when the first line is out.
    const noise = Array.from({ length: 20_000 }, () => `{"v":1,"at":6,"event":"scope:missing","what":"${Math.random()}"}\n`);
    writeFileSync(file, gzipSync(noise.join('')));
    for await (const _ of readAuditLog(file)) break;
    const failing = readAuditLog(file, {
      onBytes() {
        throw new Error('a hook that is broken');
      },
    });
    await expect(failing.next()).rejects.toThrow('a hook that is broken');
    await expect.poll(() => openFiles().filter((open) => open === file)).toEqual([]);
  });

  it('takes nothing for an entry that no report could add up', async () => {
    const file = path.join(scratch, 'foreign.jsonl');
    const good = modelStep();
    const without = (field: string): object => ({ ...good, [field]: undefined });
    const strange: object[] = [
      { v: 1, at: 1, event: 'run:start' },
      { v: 1, at: 1, event: 'log:gap' },
      { v: 1, at: 1, event: 'loop:verdict', run: 'r', tenant: 't', scopes: {} },
      { ...good, at: 1e300 },
      { ...good, scopes: null },
      ...['used', 'overage', 'held', 'name', 'run', 'tenant'].map(without),
    ];
    writeFileSync(file, [...strange, good].map((entry) => JSON.stringify(entry)).join('\n'));
    const { entries, problems } = await allOf(file);
    expect(entries).toEqual([JSON.parse(JSON.stringify(good))]);
    expect(problems).toHaveLength(strange.length);
    for (const entry of entries) {
      spendReport({ by: ['user', 'day'] }).add(entry);
      costFindings().add(entry);
    }
  });
});

const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });

describe('followAuditLog', () => {
  it('says that a file cannot be read, and waits only for one that is not there', async () => {
    const signal = AbortSignal.timeout(20_000);
    const loop = path.join(scratch, 'loop.jsonl');
    symlinkSync(loop, loop);
    await expect(followAuditLog(loop, { signal }).next()).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(followAuditLog(scratch, { signal }).next()).rejects.toMatchObject({ code: 'EISDIR' });
    const later = path.join(scratch, 'later.jsonl');
    const first = followAuditLog(later, { signal, everyMs: 5 }).next();
    writeFileSync(later, `${JSON.stringify(modelStep())}\n`);
    expect((await first).value).toMatchObject({ event: 'step:end' });
  });

  it('misses no line that was written just before the file was put aside', async () => {
    const file = path.join(scratch, 'rotating.jsonl');
    const stop = new AbortController();
    const line = (step: number): string => `${JSON.stringify(modelStep({ step }))}\n`;
    const seen: number[] = [];
    let arrived = (): void => {};
    writeFileSync(file, line(0));
    const following = (async () => {
      for await (const entry of followAuditLog(file, { signal: stop.signal, everyMs: 1 })) {
        if (entry.event === 'step:end') seen.push(entry.step);
        arrived();
      }
    })();
    const until = async (step: number): Promise<void> => {
      while (seen.at(-1) !== step) await new Promise<void>((resolve) => (arrived = resolve));
    };
    await until(0);
    for (let step = 1; step < 1_200; step += 2) {
      for (let turn = 0; turn < step % 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      appendFileSync(file, line(step));
      renameSync(file, `${file}.old`);
      writeFileSync(file, line(step + 1));
      await until(step + 1);
    }
    stop.abort();
    await following;
    expect(seen).toEqual(Array.from({ length: 1_201 }, (_, step) => step));
  });
});
