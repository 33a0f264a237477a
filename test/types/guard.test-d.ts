import { createGuard, type Guard, type Run } from 'holdfast';
import { assertType, describe, expectTypeOf, it } from 'vitest';

describe('scope names', () => {
  const guard = createGuard({ budgets: { run: { usd: 0.5 }, project: { usd: 5, window: 'day' } } });

  it('are inferred from the budgets, so that a run can name the guard’s own scopes and the built-in ones', () => {
    guard.start({ scopes: { project: 'p', user: 'u', tenant: 't', session: 5 } });
    guard.start({ budgets: { project: { steps: 1 }, session: { reasoningTokens: 5 }, run: { steps: 1 } } });
    expectTypeOf(guard.read).parameter(0).toEqualTypeOf<'project' | 'run' | 'global' | 'tenant' | 'user' | 'feature' | 'session'>();
  });

  it('that are misspelt do not compile', () => {
    // @ts-expect-error -- no such scope
    guard.start({ scopes: { projct: 'p' } });
    // @ts-expect-error -- no such scope
    guard.start({ budgets: { projct: { steps: 1 } } });
    // @ts-expect-error -- no such scope
    assertType(guard.read('sesion'));
    // @ts-expect-error -- no such scope
    createGuard({ budgets: { user: { steps: 1 } }, requireScopes: ['usr'] });
    createGuard({ budgets: { project: { steps: 1 } }, requireScopes: ['project', 'user'] });
  });

  it('have no id for the run and the one global account', () => {
    // @ts-expect-error -- a run's id is `id`
    guard.start({ scopes: { run: 'r' } });
    // @ts-expect-error -- there is one global account
    guard.start({ scopes: { global: 'g' } });
  });
});

describe('budgets', () => {
  it('have limits of the known dimensions only', () => {
    // @ts-expect-error -- usd
    createGuard({ budgets: { run: { usdd: 1 } } });
    // @ts-expect-error -- steps
    createGuard({ budgets: { user: { step: 1 } } });
    // @ts-expect-error -- a number
    createGuard({ budgets: { user: { steps: '5' } } });
  });

  it('limit time on runs only, and count over windows everywhere else', () => {
    createGuard({ budgets: { run: { duration: '2m' }, user: { steps: 1, window: { rolling: '24h' } } } });
    // @ts-expect-error -- a session takes as long as it takes
    createGuard({ budgets: { session: { duration: '2m' } } });
    // @ts-expect-error -- a run has no window
    createGuard({ budgets: { run: { steps: 1, window: 'day' } } });
    // @ts-expect-error -- not a length of time
    createGuard({ budgets: { run: { duration: '2 minutes' } } });
    // @ts-expect-error -- not a window
    createGuard({ budgets: { user: { window: 'fortnight' } } });
    // @ts-expect-error -- not a length of time
    createGuard({ budgets: { user: { window: { rolling: 'a while' } } } });
    // @ts-expect-error -- not a length of time
    createGuard({ holdTtl: '60 seconds' });
  });

  it('of a run’s own have neither window nor limits per id', () => {
    const guard = createGuard({ budgets: { user: { steps: 1 } } });
    guard.start({ budgets: { run: { duration: '1m', alertAt: [0.5] } } });
    // @ts-expect-error -- the guard says over which window a scope counts
    guard.start({ budgets: { user: { steps: 1, window: 'day' } } });
  });

  it('may be looked up by id, at once or later', () => {
    createGuard({ budgets: { user: { steps: 1, per: { vip: { steps: 2 } } } } });
    createGuard({ budgets: { user: { steps: 1, per: (id, { tenant }) => (id === tenant ? { usd: 1 } : undefined) } } });
    createGuard({ budgets: { user: { steps: 1, per: async (id) => ({ steps: id.length }) } } });
    // @ts-expect-error -- not limits
    createGuard({ budgets: { user: { steps: 1, per: () => 5 } } });
  });
});

describe('guard.run', () => {
  it('gives what its function gives', () => {
    const guard = createGuard();
    expectTypeOf(guard.run(() => 5)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(guard.run({ id: 'r' }, async () => 'text')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(guard.run((run) => run)).toEqualTypeOf<Promise<Run>>();
  });

  it('may also give what the fallback answers', () => {
    const guard = createGuard({ fallback: () => 'sorry' as const });
    expectTypeOf(guard.run(() => 5)).toEqualTypeOf<Promise<number | 'sorry'>>();
    const later = createGuard({ fallback: async (halt) => ({ cause: halt.cause }) });
    expectTypeOf(later.run(() => 5)).resolves.toExtend<number | { cause: string }>();
  });

  it('needs a function', () => {
    const guard = createGuard();
    // @ts-expect-error -- what should it run?
    assertType(guard.run({}));
  });
});

describe('run.step', () => {
  it('gives the output of the work', () => {
    const run = createGuard().start();
    const call = { kind: 'model', model: 'gpt-4o', input: 'hello' } as const;
    expectTypeOf(run.step(call, () => ({ output: 5 }))).toEqualTypeOf<Promise<number>>();
    expectTypeOf(run.step(call, async () => ({ output: 'text', usage: { inputTokens: 1 } }))).toEqualTypeOf<Promise<string>>();
    // @ts-expect-error -- no such field of a usage
    assertType(run.step(call, () => ({ output: 5, usage: { promptTokens: 1 } })));
    // @ts-expect-error -- neither a model call nor a tool call
    assertType(run.begin({ kind: 'embedding' }));
  });
});

describe('a guard', () => {
  it('of whatever scopes and fallback is taken where any guard is', () => {
    const anyGuard = (guard: Guard<string, unknown>): Guard<string, unknown> => guard;
    anyGuard(createGuard());
    anyGuard(createGuard({ budgets: { project: { steps: 1 } } }));
    anyGuard(createGuard({ budgets: { user: { steps: 1 } }, fallback: () => 'sorry' }));
    expectTypeOf<Guard<'project'>>().toExtend<Guard<string, unknown>>();
  });
});
