import { describe, expect, it, vi } from 'vitest';
import { BudgetExceededError, HaltedByPersonError, ResumeRefusedError } from '../../../src/core/errors.ts';
import { handoff, type HandOver } from '../../../src/ladder/handoff.ts';
import { notice } from '../../../src/ladder/notice.ts';
import { pauseRun, resumeRun } from '../../../src/ladder/run-decision.ts';
import { createGuard } from '../../../src/runtime/guard.ts';
import type { GuardOptions, RunOptions } from '../../../src/runtime/options.ts';
import type { Run } from '../../../src/runtime/run.ts';
import type { RunSnapshot } from '../../../src/runtime/run-snapshot.ts';
import { memoryStore } from '../../../src/stores/memory-store.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { circling, host, listen, prices } from '../../support/ladder-host.ts';

/** As it comes back from wherever it was kept. */
const kept = (run: Run): RunSnapshot => JSON.parse(JSON.stringify(run.snapshot())) as RunSnapshot;

async function use(run: Run, tools: number, output: (at: number) => unknown = (at) => `page ${at}`): Promise<void> {
  for (let at = 0; at < tools; at += 1) {
    const step = await run.begin({ kind: 'tool', name: 'search', args: { at } });
    await step.end({ output: output(at) });
  }
}

const guardOf = (options: GuardOptions<string> = {}) => createGuard({ budgets: { run: { steps: 5 } }, ...options });

describe('a run that goes on in another process', () => {
  it('keeps nothing of what a model was told', async () => {
    const run = guardOf().start();
    const messages = [
      { role: 'system' as const, text: `You know the secret. ${'It is long. '.repeat(50)}` },
      { role: 'user' as const, text: 'Tell me the secret.' },
    ];
    const step = await run.begin({ kind: 'model', model: 'm', messages });
    await step.end({ text: 'No.' });
    expect(kept(run).state).toMatchObject({ history: { length: 2, head: expect.any(Number) } });
    expect(JSON.stringify(kept(run))).not.toContain('secret');
  });

  it('has used what it had used, and no step more', async () => {
    const first = guardOf().start({ scopes: { user: 'u1' }, agent: 'writer' });
    await use(first, 3);
    const second = guardOf().start({ resume: kept(first) });
    expect(second).toMatchObject({ id: first.id, scopes: { user: 'u1' }, agent: 'writer' });
    expect(second.report()).toEqual({ ...first.report(), durationMs: expect.any(Number) });
    await use(second, 2);
    await expect(use(second, 1)).rejects.toMatchObject({
      code: 'budget_exceeded',
      message: 'run budget exceeded: steps 5 used, 1 asked, of 5',
      halt: { step: 5 },
    });
  });

  it('keeps the money, the limits that it was given, and those that a person raised', async () => {
    const budgets: GuardOptions<string>['budgets'] = { run: { usd: 10 } };
    const open = (options: RunOptions<string>) => createGuard({ budgets, prices }).start(options);
    const call = { kind: 'model', model: 'dear', input: 'tea', maxOutputTokens: 10 } as const;
    const first = open({ budgets: { run: { usd: 1 }, user: { modelCalls: 2 } } });
    await first.step(call, () => ({ output: 'tea', usage: { inputTokens: 30, outputTokens: 20 } }));
    const second = open({ resume: kept(first) });
    expect(second.report().used.usd).toBe(0.5);
    await second.step(call, () => ({ output: 'tea', usage: { inputTokens: 30, outputTokens: 20 } }));
    await expect(second.begin(call)).rejects.toThrow(/run budget exceeded: usd \$1 used/);
    // Its own limit on the user's budget bounds what it spends here: the user's account itself is the store's to keep.
    const third = open({ resume: kept(first), budgets: { run: { modelCalls: 1 } } });
    await expect(third.begin(call)).rejects.toThrow(/run budget exceeded: modelCalls 1 used, 1 asked, of 1/);
  });

  it('keeps a limit that a person raised', async () => {
    const person = vi.fn(() => resumeRun({ limits: { steps: 9 } }));
    const options: GuardOptions<string> = { ladder: [handoff(person, { most: 1 })], loops: 'off' };
    const first = guardOf(options).start();
    await use(first, 5);
    const step = await first.begin({ kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text: 'tea?' }] });
    await step.end({ text: 'more' }, { inputTokens: 1, outputTokens: 1 });
    const second = guardOf(options).start({ resume: kept(first) });
    await use(second, 3);
    await expect(second.begin({ kind: 'model', model: 'gpt-4o', input: '' })).rejects.toThrow(BudgetExceededError);
    expect(person).toHaveBeenCalledOnce();
  });

  it('stood still between the processes', async () => {
    const clock = fakeClock();
    const options: GuardOptions<string> = { budgets: { run: { duration: '10s' } as never }, clock };
    const first = createGuard(options).start();
    clock.advance(6_000);
    first.pause();
    clock.advance(60_000);
    const snapshot = kept(first);
    clock.advance(60_000);
    const second = createGuard(options).start({ resume: snapshot });
    expect(second.report()).toMatchObject({ durationMs: 6_000, startedAt: first.report().startedAt });
    clock.advance(3_000);
    await use(second, 1);
    clock.advance(2_000);
    await expect(use(second, 1)).rejects.toThrow('run took 10');
  });

  it('is judged with what was seen before, and warned of a loop once', async () => {
    const open = () => createGuard({ ladder: [notice()] });
    const [one, two] = [open(), open()];
    const heard = listen(two);
    const first = one.start();
    const same = { kind: 'tool', name: 'look', args: { at: 'tea' } } as const;
    const look = async (run: Run) => (await run.begin(same)).end({ output: 'nothing' });
    while (first.report().verdicts.length === 0) await look(first);
    const seen = first.report().used.steps;
    const second = two.start({ resume: kept(first) });
    expect(second.report().verdicts[0]?.evidence()).toEqual([]);
    for (let more = 0; more < 20 && heard.halts.length === 0; more += 1) await look(second).catch(() => {});
    expect(heard.halts[0]?.halt).toMatchObject({ cause: 'loop', verdict: { firstStep: 0 } });
    expect(second.report().used.steps).toBeLessThan(2 * seen);
    const third = open().start({ resume: kept(first) });
    const step = await third.begin({ kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text: 'tea?' }] });
    expect(step.offer).toMatchObject({ kind: 'call', rungs: ['notice'] });
  });

  it('goes on within a shared store, which knows what was used elsewhere', async () => {
    const store = memoryStore();
    const shared = () => guardOf({ store: { ...store, inProcess: false } });
    const first = shared().start();
    await use(first, 2);
    const old = kept(first);
    await use(first, 2);
    await first.end();
    const second = shared().start({ resume: old });
    await use(second, 1);
    await expect(use(second, 1)).rejects.toThrow('steps 5 used, 1 asked, of 5');
  });

  it('keeps its limits while the store does not answer', async () => {
    const first = guardOf().start();
    await use(first, 4);
    const store = faultyStore();
    store.decide = () => 'reject';
    const guard = guardOf({ store });
    const second = guard.start({ resume: kept(first) });
    await use(second, 1);
    await expect(use(second, 1)).rejects.toThrow('steps 5 used, 1 asked, of 5');
  });
});

describe('a snapshot that is refused', () => {
  const refusal = (why: string) => expect.objectContaining({ code: 'resume_refused', why });

  it('is old: the run goes on here, or went on here', async () => {
    const guard = guardOf();
    const run = guard.start();
    await use(run, 1);
    const old = kept(run);
    expect(() => guard.start({ resume: old })).toThrow(refusal('stale'));
    await use(run, 1);
    await run.end();
    expect(() => guard.start({ resume: old })).toThrow(refusal('stale'));
  });

  it('was taken up already: handed in twice it gives nothing back', async () => {
    const first = guardOf().start();
    await use(first, 3);
    const guard = guardOf();
    const once = guard.start({ resume: kept(first) });
    expect(() => guard.start({ resume: kept(first) })).toThrow(refusal('stale'));
    await use(once, 2);
    await once.end();
    expect(() => guard.start({ resume: kept(first) })).toThrow(refusal('stale'));
  });

  it('may be taken up again while nothing came of it, and counts in full each time', async () => {
    const first = guardOf().start();
    await use(first, 5);
    const guard = guardOf();
    for (const _ of [1, 2, 3]) {
      const again = guard.start({ resume: kept(first) });
      expect(again.report().used.steps).toBe(5);
      await again.end();
    }
    const last = guard.start({ resume: kept(first) });
    await expect(use(last, 1)).rejects.toThrow(BudgetExceededError);
  });

  it('is of a run that was stopped for good since', async () => {
    const guard = guardOf();
    const run = guard.start();
    const before = kept(run);
    run.halt('enough');
    expect(() => run.snapshot()).toThrow(HaltedByPersonError);
    await run.end();
    expect(() => guard.start({ resume: before })).toThrow(refusal('stale'));
  });

  it('is of somebody else, or of another run', () => {
    const snapshot = kept(guardOf().start({ scopes: { tenant: 'acme', user: 'u1' } }));
    const guard = guardOf();
    expect(() => guard.start({ resume: snapshot, scopes: { tenant: 'other' } })).toThrow(refusal('foreign'));
    expect(() => guard.start({ resume: snapshot, scopes: { user: 'u2' } })).toThrow(refusal('foreign'));
    expect(() => guard.start({ resume: snapshot, id: 'mine' })).toThrow(ResumeRefusedError);
    expect(guard.start({ resume: snapshot, scopes: { user: 'u1' } }).tenant).toBe('acme');
  });

  it.each([
    ['nothing', null],
    ['a text', 'snapshot'],
    ['another version', (good: RunSnapshot) => ({ ...good, version: 2 })],
    ['money given back', (good: { state: { totals: object } }) => deep(good, ['state', 'totals', 'used', 'usd'], -1)],
    ['no totals', (good: { state: object }) => deep(good, ['state', 'totals'], undefined)],
    ['a clock set back', (good: { state: object }) => deep(good, ['state', 'elapsedMs'], -60_000)],
    ['a ladder of another make', (good: { state: object }) => deep(good, ['state', 'ladder'], { notes: 'none' })],
  ])('is none: %s', (_what, spoil) => {
    const good = kept(guardOf({ ladder: 'standard' }).start());
    const value = typeof spoil === 'function' ? spoil(good as never) : spoil;
    expect(() => guardOf().start({ resume: value })).toThrow(refusal('unreadable'));
  });

  it('is not taken of a run inside another', async () => {
    const guard = guardOf();
    await guard.run(async () => {
      expect(() => guard.start().snapshot()).toThrow(/outermost run/);
    });
  });
});

function deep(value: unknown, [key = '', ...path]: readonly string[], put: unknown): unknown {
  const inner = value as Record<string, unknown>;
  return { ...inner, [key]: path.length === 0 ? put : deep(inner[key], path, put) };
}

describe('a call that a host makes again after a pause', () => {
  const call = { kind: 'tool', name: 'search', args: {} } as const;
  const done = async (run: Run, replayKey: string) => (await run.begin(call, { replayKey })).end({ output: 'tea' });

  it('counts once, in this process and in another', async () => {
    const guard = guardOf();
    const ended = vi.fn();
    guard.on('step:end', ended);
    const run = guard.start();
    await done(run, 'checkpoint:a');
    const snapshot = kept(run);
    run.pause()();
    await done(run, 'checkpoint:a');
    expect(run.report().used.steps).toBe(1);
    expect(ended).toHaveBeenCalledOnce();
    const other = guardOf().start({ resume: snapshot });
    await done(other, 'checkpoint:a');
    await done(other, 'checkpoint:b');
    expect(other.report().used.steps).toBe(2);
  });

  it('counts each time where there was no pause, or more often than before it', async () => {
    const run = guardOf().start();
    await done(run, 'constant');
    await done(run, 'constant');
    expect(run.report().used.steps).toBe(2);
    run.pause()();
    await done(run, 'constant');
    await done(run, 'constant');
    expect(run.report().used.steps).toBe(3);
  });

  it('was not done where it waited for a person itself', async () => {
    const run = guardOf().start();
    await (await run.begin(call, { replayKey: 'a' })).release();
    run.pause()();
    await done(run, 'a');
    expect(run.report().used.steps).toBe(1);
  });
});

describe('a person who answers later', () => {
  class Waiting extends Error {}
  const play = (run: Run) => host({ script: circling, tools: { search: () => 'nothing' } })(run, 'Find tea.');

  it('is asked once, and answers in another process', async () => {
    let answer: ReturnType<typeof resumeRun> | undefined;
    const person = vi.fn<HandOver>(() => answer ?? pauseRun(new Waiting()));
    const options: GuardOptions<string> = { ladder: [handoff(person)], budgets: {} };
    const guard = guardOf(options);
    const { climbs, halts } = listen(guard);
    const run = guard.start();
    await expect(play(run)).rejects.toThrow(Waiting);
    // A host that makes the call again without an answer only hears the same.
    const call = { kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text: 'Find tea.' }] } as const;
    await expect(run.begin(call)).rejects.toThrow(Waiting);
    expect(halts).toEqual([]);
    expect(climbs.map(({ detail }) => detail)).toEqual([expect.stringContaining('a person was asked')]);
    const { steps } = run.report().used;

    answer = resumeRun({ words: 'There is none. Stop searching.' });
    const second = guardOf(options).start({ resume: kept(run) });
    const step = await second.begin(call);
    expect(step.offer).toMatchObject({
      rungs: ['reply'],
      edits: { messages: expect.arrayContaining([{ kind: 'insert', role: 'user', text: 'There is none. Stop searching.' }]) },
    });
    await step.end({ text: 'There is no tea.' }, { inputTokens: 1, outputTokens: 1 });
    expect(second.report().used.steps).toBe(steps + 1);
    // The answer counts as progress: the loop is forgotten.
    await use(second, 3);
    expect(second.report().halt).toBeUndefined();
    const askedAfter = person.mock.calls.length;
    const third = guardOf(options).start({ resume: kept(second) });
    await (await third.begin(call)).end({ text: 'ok' }, { inputTokens: 1, outputTokens: 1 });
    expect(person).toHaveBeenCalledTimes(askedAfter);
  });

  it('is heard even if there is room again when the answer comes', async () => {
    let answer: ReturnType<typeof resumeRun> | undefined;
    const guard = guardOf({ ladder: [handoff(() => answer ?? pauseRun(new Waiting()))], budgets: { user: { steps: 2, window: 'day' } } });
    const run = guard.start({ scopes: { user: 'u1' } });
    await use(run, 2);
    const call = { kind: 'model', model: 'gpt-4o', messages: [{ role: 'user', text: 'tea?' }] } as const;
    await expect(run.begin(call)).rejects.toThrow(Waiting);
    await guard.adjust('user', 'u1', { steps: 10 });
    await expect(run.begin(call)).rejects.toThrow(Waiting);
    answer = resumeRun({ words: 'Be quick.' });
    expect((await run.begin(call)).offer).toMatchObject({ rungs: ['reply'] });
  });
});
