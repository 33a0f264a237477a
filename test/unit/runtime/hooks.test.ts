import { createGuard, type Detector, type GuardEvents, type Run } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { faultyStore } from '../../support/faulty-store.ts';
import { errorOf, logEvents, modelCall, prices, settleAll, toolCall, usage } from '../../support/guards.ts';
import { refuseUnhandledRejections } from '../../support/shared-store.ts';

refuseUnhandledRejections();

/** A value that has no text form: turning it into one throws. */
const unspeakable: unknown = Object.create(null);

/** A rejection of a promise that is none of Node's own. */
const foreignRejection = (): PromiseLike<never> => ({
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
  then: (_: unknown, reject?: ((error: unknown) => unknown) | null) => void reject?.(new Error('foreign')) as never,
});

/** A run that does a bit of everything. */
const work = async (run: Run): Promise<string> => {
  await run.step(modelCall(), () => ({ output: 'thought', usage: usage(10, 10) }));
  await run.step(toolCall(), () => ({ output: 'found' }));
  return 'answer';
};

describe('a listener that fails', () => {
  const failures: [string, () => void][] = [
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    [
      'throws what is no error',
      () => {
        throw unspeakable;
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    ['rejects with what is no error', () => Promise.reject(unspeakable)],
    ['gives a promise of another kind that rejects', foreignRejection],
    ['never answers', () => new Promise(() => {})],
  ];
  const told = ['run:start', 'step:start', 'step:end', 'run:end'] as const;

  it.each(failures)('changes nothing when it %s', async (name, failure) => {
    const guard = createGuard();
    for (const event of told) guard.on(event, failure);
    const events = logEvents(guard);
    expect(await guard.run(work)).toBe('answer');
    await settleAll();
    const hooks = events.of('hook:error').map(({ hook }) => hook);
    if (name === 'never answers') expect(hooks).toEqual([]);
    else expect(new Set(hooks)).toEqual(new Set(told.map((event) => `listener of ${event}`)));
  });

  it('does not keep another from hearing, and hears no more once it is off', async () => {
    const guard = createGuard();
    const heard: string[] = [];
    const off = guard.on('run:start', () => {
      heard.push('first');
      throw new Error('mine');
    });
    guard.on('run:start', () => void heard.push('second'));
    await guard.run(work);
    off();
    off();
    await guard.run(work);
    expect(heard).toEqual(['first', 'second', 'second']);
  });

  it('of hook:error itself is left alone', async () => {
    const guard = createGuard();
    let asked = 0;
    guard.on('hook:error', () => {
      asked += 1;
      throw new Error('again');
    });
    guard.on('hook:error', () => Promise.reject(new Error('again')));
    guard.on('run:start', () => {
      throw new Error('mine');
    });
    expect(await guard.run(work)).toBe('answer');
    expect(asked).toBe(1);
  });

  it('cannot change for whom a run works', async () => {
    const guard = createGuard({ budgets: { user: { steps: 10 } } });
    guard.on('run:start', ({ run }) => {
      (run.scopes as Record<string, string>)['user'] = 'somebody else';
    });
    await guard.run({ scopes: { user: 'u' } }, work);
    expect((await guard.read('user', 'u')).used.steps).toBe(2);
  });

  it('may end the run, halt it or begin another in the middle of it', async () => {
    const guard = createGuard();
    const runs = new Map<string, Run>();
    guard.on('step:start', ({ run }) => void runs.get(run.id)?.halt());
    guard.on('run:halt', ({ run }) => void runs.get(run.id)?.end());
    guard.on('run:end', () => void guard.start({ parent: null }));
    const run = guard.start();
    runs.set(run.id, run);
    expect(await errorOf(work(run))).toBe(run.haltError);
    expect(run.isEnded).toBe(true);
  });
});

describe('a fallback that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    ['rejects with what is no error', () => Promise.reject(unspeakable)],
  ])('leaves the error of the halt when it %s', async (_, fallback) => {
    const guard = createGuard({ budgets: { run: { steps: 0 } }, fallback });
    const events = logEvents(guard);
    const error = await errorOf(guard.run(work));
    expect(error).toBe(guard.lastHalt());
    expect(events.of('hook:error')).toEqual([{ hook: 'fallback', error: expect.any(Error) }]);
  });

  it('is waited for half a minute', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { steps: 0 } }, fallback: () => new Promise<never>(() => {}) });
    const failing = errorOf(guard.run(work));
    await settleAll();
    clock.advance(30_000);
    expect(await failing).toBe(guard.lastHalt());
  });
});

describe('code of the user’s in the detectors', () => {
  it('that throws changes nothing and is told', async () => {
    const broken: Detector = {
      name: 'broken',
      observe() {
        throw new Error('mine');
      },
    };
    const guard = createGuard({
      detectors: [broken],
      tools: {
        search: {
          loopKey: () => {
            throw new Error('mine');
          },
        },
      },
    });
    expect(await guard.run(work)).toBe('answer');
  });

  it('meets arguments and results that cannot be looked at', async () => {
    const guard = createGuard();
    logEvents(guard);
    const refuse = (): never => {
      throw new Error('hands off');
    };
    // Promises look for `then` in whatever they are given.
    const hostile: object = new Proxy({}, { get: (_, property) => (property === 'then' ? undefined : refuse()), ownKeys: refuse });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    for (const value of [hostile, circular, unspeakable, 10n, Symbol('s'), () => {}]) {
      expect(await guard.run((run) => run.step(toolCall({ args: value }), () => ({ output: value })))).toBe(value);
    }
  });
});

describe('a price function that fails', () => {
  it('does not crash the run: the price is unknown, or that of the table', async () => {
    const guard = createGuard({
      prices: () => {
        throw new Error('mine');
      },
      allowUnpriced: true,
      budgets: { user: { usd: 1 } },
    });
    expect(await guard.run(work)).toBe('answer');
  });
});

describe('what leaves the process', () => {
  it('carries names, counts and sizes, and never what was said', async () => {
    const secret = 'MARKER-7f3a';
    const clock = fakeClock();
    const guard = createGuard({
      clock,
      prices,
      store: faultyStore(clock.now),
      budgets: { user: { steps: 8 }, run: { steps: 100 } },
      tools: { search: { usd: 0 } },
    });
    const events = logEvents(guard);
    const texts: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const error = await errorOf(
        guard.run(async (run) => {
          for (let turn = 0; turn < 20; turn += 1) {
            const call = modelCall({ messages: [{ role: 'user', text: secret }], input: secret, tools: [{ description: secret }] });
            await run.step(call, () => ({ output: secret, usage: usage(5, 9, 10), result: { text: secret, thinking: secret } }));
            await run.step(toolCall({ args: { q: secret } }), () => ({ output: secret, result: { isError: true } }));
            await run
              .step(toolCall({ name: 'other' }), () => {
                throw new Error(secret);
              })
              .catch(() => {});
          }
        }),
      );
      const { message, report, halt } = error as { message: string; report: unknown; halt: unknown };
      texts.push(message, JSON.stringify(report), JSON.stringify(halt), JSON.stringify(error));
    }
    await guard.close();
    expect(events.names.length).toBeGreaterThan(20);
    expect([...texts, ...events.payloads.map((payload) => JSON.stringify(payload))].filter((text) => text.includes(secret))).toEqual([]);
  });

  it('tells every step that it began, once, and how it ended', async () => {
    const guard = createGuard({ prices });
    const events = logEvents(guard);
    await guard.run(async (run) => {
      await run.step(modelCall(), () => ({ output: 1 }));
      await run
        .step(toolCall(), () => {
          throw new Error('mine');
        })
        .catch(() => {});
      await (await run.begin(modelCall())).release();
      await run.begin(toolCall({ args: 3 }));
      await run.end();
    });
    const ids = (list: GuardEvents['step:start'][]): string[] => list.map(({ step }) => step.id);
    expect(ids(events.of('step:end'))).toEqual(ids(events.of('step:start')));
    expect(events.of('step:end').map(({ step }) => step.outcome)).toEqual(['ok', 'error', 'released', 'error']);
  });
});
