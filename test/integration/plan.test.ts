import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditLog, createGuard, type AuditEntry } from 'holdfast';
import { afterAll, describe, expect, it } from 'vitest';
import { plan } from '../../integrations/cli/plan/command.ts';
import type { Plan } from '../../integrations/cli/plan/plan.ts';
import { costOf, modelStep, runStart } from '../support/audit-entries.ts';
import { capturedIo } from '../support/captured-io.ts';
import { seededWorkload } from '../support/workload.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-plan-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function tell(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { io, out, err } = capturedIo();
  return { code: await plan.run(args, io), out: out(), err: err() };
}
const json = async (...args: string[]): Promise<Plan> => JSON.parse((await tell(...args, '--json')).out) as Plan;

const numbers = ['--model', 'gpt-4o', '--input', '1000', '--growth', '200', '--output', '100', '--calls', '2', '--interactions', '5'];

describe('holdfast plan from numbers', () => {
  it('costs an interaction, a user and day, and a month', async () => {
    const page = await json(...numbers, '--users', '10', '--days', '20', '--budget', '0.1');
    // 1,000 and 1,200 tokens in, 100 out each.
    const usd = costOf(2_200, 200) / 1e9;
    expect(page.usdPerInteraction.mean).toBeCloseTo(usd, 12);
    expect(page.usdPerUserDay.mean).toBeCloseTo(5 * usd, 12);
    expect(page.monthUsd.mean).toBeCloseTo(5 * usd * 200, 9);
    expect(page.allowed.mean).toBe(Math.floor(0.1 / usd));
    expect(page.monthAtMostUsd).toBeCloseTo(20, 9);
  });

  it('refuses more calls than anyone makes, and prices that are none', async () => {
    expect(await tell('--calls', '1e10')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--calls must be a number above 0 and at most 10000') as string,
    });
    const file = path.join(scratch, 'prices.json');
    writeFileSync(file, '{ "a": { "input": -1, "output": 1 } }');
    expect(await tell('--prices', file)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--prices .*prices\.json cannot be used/) as string,
    });
  });

  it('writes what a change costs as money that is lost', async () => {
    expect((await tell(...numbers, '--cheaper', 'gpt-4')).out).toMatch(/the model gpt-4 +-\$0\.\d+ +-\d+ %  +-\$[\d,.]+\n/);
  });

  it('says what a cheaper model, half the history and a lower cap would save', async () => {
    const { savings } = await json(...numbers, '--cheaper', 'gpt-4o-mini', '--cap', '40');
    const saved = Object.fromEntries(savings.map(({ what, usdPerInteraction }) => [what, usdPerInteraction]));
    expect(saved['the model gpt-4o-mini']).toBeCloseTo((costOf(2_200, 200) - costOf(2_200, 200, 'gpt-4o-mini')) / 1e9, 12);
    // The second call sends the first one's 1,000 tokens again.
    expect(saved['half the history']).toBeCloseTo(costOf(500) / 1e9, 12);
    expect(saved['an output cap of 40 tokens']).toBeCloseTo(costOf(0, 120) / 1e9, 12);
  });

  it('is a page for people, and one in Markdown', async () => {
    const table = (await tell(...numbers)).out;
    expect(table).toMatch(/^An interaction is 2 model calls, 2,200 input and 200 output tokens, on gpt-4o\./);
    expect(table).toMatch(/one interaction +\$0\.0075 +\$0\.0075 +\$0\.0075/);
    expect(table).toContain('What a budget of $0.50 per user and day allows');
    const markdown = (await tell(...numbers, '--markdown')).out;
    expect(markdown).toContain('| one user and day | $0.0375 | $0.0375 | $0.0375 |');
    expect(markdown.split('\n').filter((line) => /^\|---\|(---:\|){3}$/.test(line))).toHaveLength(3);
  });

  it('takes a price that the table does not know', async () => {
    const prices = path.join(scratch, 'prices.json');
    writeFileSync(prices, JSON.stringify({ 'house-model': { input: 1, output: 2 } }));
    const args = ['--model', 'house-model', '--input', '1000', '--output', '500', '--calls', '1'];
    expect((await json(...args, '--prices', prices)).usdPerInteraction.mean).toBeCloseTo(0.002, 12);
    expect(await tell(...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining('no price is known for model "house-model"') as string,
    });
  });

  it.each([
    [['--users', '0'], '--users must be a number above 0'],
    [['--growth=-1'], '--growth must be a number of 0 or more'],
    [['--budget', 'much'], '--budget must be a number above 0'],
    [['--json', '--markdown'], 'ask for one'],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { code, err } = await tell(...args);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(message) as string });
  });
});

describe('holdfast plan from a log', () => {
  const write = (name: string, entries: readonly AuditEntry[]): string => {
    const file = path.join(scratch, name);
    writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    return file;
  };
  const end = (run: string): AuditEntry => ({
    v: 1,
    at: 0,
    event: 'run:end',
    run,
    tenant: 'default',
    scopes: {},
    durationMs: 1,
    used: {},
    estimatedSteps: 0,
    unpricedCalls: 0,
    halted: undefined,
  });

  it('has the spread of the interactions that were, with the runs inside them', async () => {
    const entries = Array.from({ length: 20 }, (_, index) => {
      const run = `r${index}`;
      const inner = { ...(runStart(`${run}.1`) as Extract<AuditEntry, { event: 'run:start' }>), parent: run };
      const input = index === 19 ? 50_000 : 100;
      return [
        runStart(run, { user: index < 15 ? 'ann' : 'ben' }),
        modelStep({ run, input, output: 0 }),
        inner,
        modelStep({ run: `${run}.1`, input: 100, output: 0 }),
        end(`${run}.1`),
        end(run),
      ];
    });
    const page = await json(write('spread.jsonl', entries.flat()));
    const usual = costOf(200) / 1e9;
    expect(page.usdPerInteraction.p50).toBeCloseTo(usual, 12);
    expect(page.usdPerInteraction.mean).toBeCloseTo((19 * usual + costOf(50_100) / 1e9) / 20, 12);
    expect(page.interactionsPerUserDay).toEqual({ mean: 10, p50: 5, p95: 15 });
    expect(page.interaction.modelCalls).toBe(2);
  });

  it('reads what auditLog wrote, and only the feature that is asked for', async () => {
    const file = path.join(scratch, 'real', 'audit.jsonl');
    const guard = createGuard();
    const log = auditLog(file);
    log.follow(guard);
    await seededWorkload(guard, { seed: 11, runs: 30 });
    await log.close();
    const all = await tell(file);
    expect(all).toMatchObject({ code: 0, err: '' });
    const [whole, chat] = [await json(file), await json(file, '--feature', 'chat')];
    expect(whole.usdPerInteraction.mean).toBeGreaterThan(0);
    expect(chat.usdPerInteraction.mean).not.toBe(whole.usdPerInteraction.mean);
    expect(whole.savings.length).toBeGreaterThan(0);
    appendFileSync(file, '{ "torn\n');
    expect((await tell(file)).err).toMatch(/^holdfast plan: .*audit\.jsonl:\d+: /);
  });

  it('fails where there is nothing to plan with', async () => {
    expect(await tell(path.join(scratch, 'absent.jsonl'))).toMatchObject({ code: 1 });
  });
});
