import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditLog, createGuard } from 'holdfast';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { report } from '../../integrations/cli/report/command.ts';
import { modelStep } from '../support/audit-entries.ts';
import { capturedIo } from '../support/captured-io.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-report-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const file = path.join(scratch, 'audit.jsonl');

beforeAll(async () => {
  const guard = createGuard();
  const log = auditLog(file);
  log.follow(guard);
  for (const [user, inputTokens] of [
    ['ann', 1_000],
    ['=cmd()', 50_000],
    ['\u001B[31mred', 10],
  ] as const) {
    await guard.run({ scopes: { user, feature: 'chat' } }, (run) =>
      run.step({ kind: 'model', model: 'gpt-4o', input: 'hello' }, async () => ({ output: 'x', usage: { inputTokens, outputTokens: 10 } })),
    );
  }
  await log.close();
});

async function tell(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { io, out, err } = capturedIo();
  return { code: await report.run(args, io), out: out(), err: err() };
}

describe('holdfast report', () => {
  it.each([
    ['UTC', '2026-03-29', '2026-03-30', ['2026-03-29T00:30:00Z', '2026-03-29T21:30:00Z', '2026-03-29T22:30:00Z']],
    // The day on which the clocks are put forward begins at 23:00 UTC and ends at 22:00.
    ['Europe/Berlin', '2026-03-29', '2026-03-30', ['2026-03-28T23:30:00Z', '2026-03-29T00:30:00Z', '2026-03-29T21:30:00Z']],
    ['Europe/Berlin', '2026-03-29T02:00', '2026-03-29T23:45:00.5', ['2026-03-29T21:30:00Z']],
    ['Europe/Berlin', '2026-03-29T00:00Z', '2026-03-30T00:00+02:00', ['2026-03-29T00:30:00Z', '2026-03-29T21:30:00Z']],
  ])('takes --from and --to by the clocks of %s: %s to %s', async (zone, from, to, wanted) => {
    const moments = ['2026-03-28T23:30:00Z', '2026-03-29T00:30:00Z', '2026-03-29T21:30:00Z', '2026-03-29T22:30:00Z'];
    const days = path.join(scratch, 'days.jsonl');
    writeFileSync(days, moments.map((at) => `${JSON.stringify(modelStep({ run: at, at: Date.parse(at), name: at }))}\n`).join(''));
    const { out } = await tell(days, '--by', 'model', '--csv', '--time-zone', zone, '--from', from, '--to', to);
    const lines = out.trim().split('\r\n').slice(1);
    expect(new Set(lines.map((line) => line.split(',')[0]))).toEqual(new Set(wanted));
  });

  it('refuses prices that are none as wrong usage, and names their file', async () => {
    const prices = path.join(scratch, 'prices.json');
    writeFileSync(prices, '{ "a": { "input": -1, "output": 1 } }');
    const { code, err } = await tell(file, '--findings', '--prices', prices);
    expect(code).toBe(2);
    expect(err).toMatch(/--prices .*prices\.json cannot be used: .*prices\.a\.input/s);
  });

  it('shows a table with the largest spend first, its total, and hostile names as harmless text', async () => {
    const { code, out, err } = await tell(file, '--by', 'user');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n').map((line) => line.trim().split(/\s{2,}/))).toEqual([
      ['user', 'runs', 'calls', 'input', 'output', 'USD'],
      ['=cmd()', '1', '1', '50,000', '10', '0.13'],
      ['ann', '1', '1', '1,000', '10', '0.0026'],
      ['\\u001b[31mred', '1', '1', '10', '10', '0.0001'],
      ['total', '3', '3', '51,010', '30', '0.13'],
      [''],
    ]);
  });

  it('gives CSV that a spreadsheet does not run, and JSON with exact sums', async () => {
    const csv = (await tell(file, '--by', 'user', '--csv', '--top', '1')).out.split('\r\n');
    expect(csv[0]).toMatch(/^user,runs,modelCalls,/);
    expect(csv[1]).toMatch(/^'=cmd\(\),1,1,0,50000,0,10,0,125100000,/);
    expect(csv).toHaveLength(3);
    const lines = (await tell(file, '--by', 'feature,model', '--json')).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { feature: 'chat', model: 'gpt-4o', nanoUsd: 127_825_000, usd: 0.127825 },
    ]);
  });

  it('names the five cost patterns, found or not, each finding with its cost', async () => {
    const { out } = await tell(file, '--findings');
    for (const title of ['Context abuse', 'Agent loops', 'Verbose defaults', 'Feature sprawl', 'History bloat'])
      expect(out).toContain(title);
    expect(out).toMatch(/Context abuse\n\s+\$0\.10 \(82\.\d %\) {2}1 call brought in more than 8,000 new tokens/);
    const json = (await tell(file, '--findings', '--json')).out.trim().split('\n');
    expect(json.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ pattern: 'context-abuse', nanoUsd: 105_000_000 }),
    );
  });

  it('takes only the stretch of time that is asked for', async () => {
    expect(await tell(file, '--from', '2001-01-01', '--to', '2001-01-02')).toMatchObject({ code: 1, out: '' });
  });

  it('tells of what it cannot read, and reads on', async () => {
    const torn = path.join(scratch, 'torn.jsonl');
    writeFileSync(torn, 'no json\n');
    const { code, err } = await tell(torn, path.join(scratch, 'absent.jsonl'), file);
    expect(code).toBe(0);
    expect(err).toMatch(/torn\.jsonl:1: is not JSON\n.*absent\.jsonl: there is no such file\nholdfast report: 2 places could not be read/);
  });

  it('hints at a name that no run has a scope of', async () => {
    const { code, err } = await tell(file, '--by', 'fature');
    expect(code).toBe(0);
    expect(err).toMatch(/no run in these logs has a scope "fature"; they have the scopes .*feature/);
    expect((await tell(file, '--by', 'user,day')).err).toBe('');
  });

  it.each([
    [[], 'name at least one audit log'],
    [['x', '--by', 'a b'], '--by takes names such as'],
    [['x', '--csv', '--json'], 'ask for one'],
    [['x', '--time-zone', 'Mars/Olympus'], '--time-zone must be an IANA name'],
    [['x', '--from', 'then'], '--from must be a date'],
    [['x', '--top', '0'], '--top must be a whole number'],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { code, err } = await tell(...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it('shows how far it is on a terminal', async () => {
    const { io, err } = capturedIo({ isErrTerminal: true });
    await report.run([file], io);
    expect(err()).toContain('100 %');
  });
});
