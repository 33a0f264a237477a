import { createGuard, DeadlineExceededError, LoopDetectedError } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, toolCall, usage } from '../../support/guards.ts';

describe('duration', () => {
  it('halts the run when its time is up, with a work under way', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '2m' } } });
    const error = await errorOf(
      guard.run(async (run) => {
        const step = await run.begin(modelCall());
        clock.advance(119_999);
        expect(run.signal.aborted).toBe(false);
        clock.advance(1);
        expect(run.signal.aborted).toBe(true);
        await step.fail(run.signal.reason);
        throw run.signal.reason;
      }),
    );
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error).toMatchObject({
      code: 'deadline_exceeded',
      message: 'run took 120 s of the 120 s that it may take',
      halt: { denial: { scope: 'run', dimension: 'duration', limit: 120_000, used: 120_000 } },
    });
  });

  it('is noticed at the next step when timers were late', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '1s' } } });
    const run = guard.start();
    clock.set(clock.now() + 5_000);
    expect(await errorOf(run.begin(toolCall()))).toBeInstanceOf(DeadlineExceededError);
    await run.end();
  });

  it('stands still while the run is paused, also when pauses overlap', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '1m' } } });
    const run = guard.start();
    clock.advance(30_000);
    const [first, second] = [run.pause(), run.pause()];
    clock.advance(3_600_000);
    first();
    first();
    clock.advance(3_600_000);
    expect(run.report().durationMs).toBe(30_000);
    second();
    clock.advance(29_999);
    expect(run.halted).toBeUndefined();
    clock.advance(1);
    expect(run.halted?.cause).toBe('deadline');
    await run.end();
  });

  it('is the tighter of the guard’s and the run’s own, and an inner run has that of the outer', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '1m' } } });
    const long = guard.start({ budgets: { run: { duration: '1h' } } });
    const short = guard.start({ budgets: { run: { duration: '1s' } } });
    const inner = guard.start({ parent: long });
    clock.advance(1_000);
    expect([long, short].map((run) => run.halted?.cause)).toEqual([undefined, 'deadline']);
    clock.advance(59_000);
    expect(inner.haltError).toBe(long.haltError);
    expect(inner.signal.reason).toBe(long.haltError);
  });

  it('is not lengthened by a clock that is set back, and rings no more after the end', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '1m' } } });
    const run = guard.start();
    await run.end();
    clock.advance(120_000);
    expect(run.halted).toBeUndefined();
    const back = guard.start();
    clock.set(clock.now() - 3_600_000);
    expect(back.report().durationMs).toBe(0);
  });
});

describe('a halt', () => {
  it('by a person stops everything with one error, told once', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const run = guard.start({ scopes: { user: 'u' } });
    const error = run.halt('looks wrong');
    expect(run.halt('again')).toBe(error);
    expect(error).toMatchObject({
      code: 'halted_by_person',
      message: 'looks wrong',
      status: 402,
      halt: { cause: 'person', runId: run.id, step: 0 },
    });
    expect(run.signal.reason).toBe(error);
    for (const call of [toolCall(), modelCall()]) expect(await errorOf(run.begin(call))).toBe(error);
    await run.end();
    expect(events.names).toEqual(['run:start', 'run:halt', 'run:end']);
    expect(events.of('run:end')[0]?.report.halt).toEqual(run.halted);
  });

  it('is found again by run, by scopes and by a host’s config', () => {
    const guard = createGuard();
    const halt = (user: string, session: string) => guard.start({ scopes: { user, session } }).halt();
    const [a, b] = [halt('a', 's1'), halt('b', 's2')];
    expect(guard.lastHalt()).toBe(b);
    expect(guard.lastHalt({ user: 'a' })).toBe(a);
    expect(guard.lastHalt({ configurable: { thread_id: 's1' } })).toBe(a);
    expect(guard.lastHalt({ metadata: { user_id: 'b' } })).toBe(b);
    expect(guard.lastHalt({ user: 'a', session: 's2' })).toBeUndefined();
  });

  it('for a loop stops the run that goes in circles', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const error = await errorOf(
      guard.run(async (run) => {
        for (let turn = 0; turn < 50; turn += 1) {
          await run.step(modelCall(), () => ({
            output: 1,
            usage: usage(10, 10),
            result: { toolCalls: [{ name: 'search', args: { q: 'x' } }] },
          }));
          await run.step(toolCall({ args: { q: 'x' } }), () => ({ output: 'nothing found' }));
        }
      }),
    );
    expect(error).toBeInstanceOf(LoopDetectedError);
    expect((error as LoopDetectedError).halt.verdict).toMatchObject({ level: 'halt', laps: expect.any(Number) });
    expect(events.of('loop:verdict').map(({ verdict }) => verdict.level)).toContain('halt');
    expect((error as LoopDetectedError).report.verdicts.length).toBeGreaterThan(0);
  });
});

describe('a fallback', () => {
  it('answers in place of the error, and is told the halt and the run', async () => {
    const guard = createGuard({ budgets: { run: { steps: 0 } }, fallback: (halt, run) => `${halt.cause} ${run.id}` });
    const answer = await guard.run({ id: 'r1' }, (run) => run.begin(toolCall()));
    expect(answer).toBe('budget r1');
  });

  it('may answer undefined, and later', async () => {
    const guard = createGuard({ budgets: { run: { steps: 0 } }, fallback: async () => undefined });
    expect(await guard.run((run) => run.begin(toolCall()))).toBeUndefined();
  });

  it('is not asked for errors that are no halts', async () => {
    const guard = createGuard({ fallback: () => 'fallback' });
    await expect(guard.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  });

  it('answers for the run that was halted, not for those inside it', async () => {
    const guard = createGuard({ fallback: (_, run) => `for ${run.id}` });
    const answers: unknown[] = [];
    const answer = await guard.run({ id: 'outer' }, async (outer) => {
      answers.push(await errorOf(guard.run({ id: 'inner' }, async (inner) => (outer.halt(), inner.begin(toolCall())))));
      throw answers[0];
    });
    expect(answer).toBe('for outer');
    expect(answers).toEqual([guard.lastHalt()]);
  });
});
