import { createGuard, HaltError, InvalidOptionError } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, toolCall } from '../../support/guards.ts';

/** The issues of a configuration that cannot be used. */
function issuesOf(act: () => unknown): InvalidOptionError['issues'] {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.issues;
    throw error;
  }
  throw new Error('expected the options to be refused');
}

const guardIssues = (options: unknown): InvalidOptionError['issues'] => issuesOf(() => createGuard(options as never));

describe('limits', () => {
  const dimensions = ['tokens', 'inputTokens', 'outputTokens', 'reasoningTokens', 'steps', 'modelCalls', 'toolCalls'];

  it.each(dimensions)('refuses a limit of %s that is no whole number of 0 or more, with path, value and remedy', (dimension) => {
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e300, '10', null]) {
      const [issue, ...others] = guardIssues({ budgets: { user: { [dimension]: value } } });
      expect(others).toEqual([]);
      expect(issue?.path).toBe(`budgets.user.${dimension}`);
      expect(issue?.value).toEqual(value);
      expect(issue?.message).toMatch(/expected (a whole number|0 or more)/);
    }
  });

  it('refuses money that is negative, not a number, more than an account can count, or less than it can count', () => {
    for (const value of [-0.01, Number.NaN, Number.POSITIVE_INFINITY, 1e9, 1e-12, '5']) {
      const [issue] = guardIssues({ budgets: { run: { usd: value } } });
      expect(issue?.path).toBe('budgets.run.usd');
      expect(issue?.value).toEqual(value);
      expect(issue?.message).toMatch(/dollar/);
    }
  });

  it('takes 0, which forbids, and the largest amounts that can be counted', () => {
    expect(() =>
      createGuard({ budgets: { user: { usd: 0, steps: 0 }, global: { usd: 9_000_000, tokens: Number.MAX_SAFE_INTEGER } } }),
    ).not.toThrow();
  });

  it('names a limit that is misspelt and lists the real ones', () => {
    const [issue] = guardIssues({ budgets: { run: { usdd: 1 } } });
    expect(issue?.path).toBe('budgets.run');
    expect(issue?.message).toContain('"usdd"');
    expect(issue?.message).toContain('limits are usd, tokens');
  });

  it('reports every mistake at once', () => {
    const issues = guardIssues({ budgets: { run: { steps: -1 }, user: { usd: Number.NaN, window: 'fortnight' } }, headroom: 2 });
    expect(issues.map(({ path }) => path).toSorted()).toEqual(['budgets.run.steps', 'budgets.user.usd', 'budgets.user.window', 'headroom']);
  });

  it('does not change the object that it is given', () => {
    const options = { budgets: { user: { usd: 1, alertAt: [0.9, 0.1, 0.9] } } };
    const copy = structuredClone(options);
    createGuard(options);
    expect(options).toEqual(copy);
  });
});

describe('scopes', () => {
  it.each([
    ['sesion', 'session'],
    ['users', 'user'],
    ['User', 'user'],
    ['tennant', 'tenant'],
    ['fature', 'feature'],
    ['gloabl', 'global'],
    ['runs', 'run'],
  ])('takes the scope "%s" for a slip and asks whether "%s" was meant', (name, meant) => {
    const [issue] = guardIssues({ budgets: { [name]: { steps: 1 } } });
    expect(issue?.path).toBe(`budgets.${name}`);
    expect(issue?.message).toContain(`did you mean "${meant}"`);
  });

  it('refuses a scope name that no key or label could carry, and says what a name is made of', () => {
    for (const name of ['my project', 'a:b', '1st', '', 'x'.repeat(65)]) {
      const [issue] = guardIssues({ budgets: { [name]: { steps: 1 } } });
      expect(issue?.path).toBe(`budgets.${name}`);
      expect(issue?.message).toContain('expected a scope name of letters, digits, - and _');
    }
  });

  it('takes scopes of the user’s own', () => {
    expect(() => createGuard({ budgets: { project: { steps: 1 }, 'cost-center': { usd: 1 } } })).not.toThrow();
  });

  it('refuses duration where time is not counted, and a window on a run', () => {
    expect(guardIssues({ budgets: { session: { duration: '1m' } } })[0]?.message).toContain('"duration"');
    expect(guardIssues({ budgets: { run: { window: 'day' } } })[0]?.message).toContain('"window"');
  });

  it('refuses to require an id of a scope that is misspelt or has none', () => {
    expect(guardIssues({ requireScopes: ['usr'] })[0]).toMatchObject({
      path: 'requireScopes.0',
      message: expect.stringContaining('"user"'),
    });
    for (const scope of ['run', 'global'])
      expect(guardIssues({ requireScopes: [scope] })[0]).toMatchObject({
        path: 'requireScopes.0',
        message: expect.stringContaining('has no id'),
      });
  });
});

describe('windows and lengths of time', () => {
  it.each([
    'fortnight',
    'Day',
    '1d',
    5,
    { every: 'year' },
    { rolling: '24' },
    { rolling: '-1h' },
    { rolling: '0s' },
    { rolling: `${'9'.repeat(400)}d` },
  ])('refuses the window %j and shows what a window looks like', (window) => {
    const [issue] = guardIssues({ budgets: { user: { steps: 1, window } } });
    expect(issue?.path).toBe('budgets.user.window');
    expect(issue?.message).toContain("'lifetime'");
    expect(issue?.message).toContain("{ rolling: '24h' }");
  });

  it('refuses a time zone that does not exist', () => {
    const [issue] = guardIssues({ budgets: { user: { steps: 1, window: { every: 'day', timeZone: 'Europe/Berlim' } } } });
    expect(issue?.path).toBe('budgets.user.window.timeZone');
    expect(issue?.message).toContain('known IANA time zone');
  });

  it.each(['2 minutes', '', '-1s', '0ms', 'forever', 60, '99999999999d'])('refuses the duration %j', (duration) => {
    const [issue] = guardIssues({ budgets: { run: { duration } } });
    expect(issue?.path).toBe('budgets.run.duration');
    expect(issue?.message).toContain('expected a length of time such as');
  });

  it('refuses waits that no timer can wait for', () => {
    for (const option of ['holdTtl', 'storeTimeout']) expect(guardIssues({ [option]: '30d' })[0]?.path).toBe(option);
  });
});

describe('other options', () => {
  it.each([
    ['budget', {}],
    ['maxSteps', 5],
  ])('says that there is no option %s', (name, value) => {
    expect(guardIssues({ [name]: value })[0]?.message).toContain(`there is no option "${name}"`);
  });

  it.each([
    ['alertAt', [1.5]],
    ['alertAt', 'often'],
    ['headroom', -0.1],
    ['minUseful', 0],
    ['concurrency', 0],
    ['concurrency', { run: -1 }],
    ['onStoreError', 'panic'],
    ['onExpire', 'keep'],
    ['store', { reserve() {}, settle() {} }],
    ['clock', { now: Date.now, setTimeout }],
    ['fallback', 'sorry'],
    ['allowUnpriced', 'yes'],
  ])('refuses %s: %j', (name, value) => {
    expect(guardIssues({ [name]: value })[0]?.path).toMatch(new RegExp(`^${name}`));
  });

  it('refuses what is no options object at all', () => {
    for (const options of [null, 5, 'guard', []]) expect(guardIssues(options)[0]?.path).toBe('');
  });

  it('works without any option', async () => {
    const guard = createGuard();
    expect(await guard.run((run) => run.step(toolCall(), async () => ({ output: 'found' })))).toBe('found');
  });
});

describe('what a run is given', () => {
  const guard = createGuard({ budgets: { user: { steps: 5 }, project: { steps: 5 } } });
  const runIssues = (options: unknown): InvalidOptionError['issues'] => issuesOf(() => guard.start(options as never));

  it('must name scopes that the guard has', () => {
    expect(runIssues({ scopes: { projct: 'p' } })[0]).toMatchObject({ path: 'scopes.projct', message: expect.stringContaining('project') });
    expect(runIssues({ budgets: { projct: { steps: 1 } } })[0]).toMatchObject({
      path: 'budgets.projct',
      message: expect.stringContaining('project'),
    });
    expect(runIssues({ budgets: { sesion: { steps: 1 } } })[0]?.message).toContain('did you mean "session"');
  });

  it('must have ids that are texts or numbers, not longer than a key may be', () => {
    const million = 'x'.repeat(1_000_000);
    for (const id of [million, true, {}, Number.NaN, Number.POSITIVE_INFINITY])
      expect(runIssues({ scopes: { user: id } })[0]?.path).toBe('scopes.user');
    const [issue] = runIssues({ scopes: { user: million } });
    expect(issue?.message).toContain('hash long ids');
    expect(JSON.stringify(issue).length).toBeLessThan(500);
    expect(runIssues({ id: million })[0]?.path).toBe('id');
    expect(runIssues({ id: '' })[0]?.path).toBe('id');
  });

  it('gives no id to the run as a scope, nor to the one global account', () => {
    expect(runIssues({ scopes: { run: 'r' } })[0]?.message).toContain('`id`');
    expect(runIssues({ scopes: { global: 'g' } })[0]?.message).toContain('no ids');
  });

  it('has limits of its own that are checked like those of the guard', () => {
    expect(runIssues({ budgets: { run: { steps: -1 } } })[0]?.path).toBe('budgets.run.steps');
    expect(runIssues({ budgets: { user: { window: 'day' } } })[0]?.message).toContain('"window"');
    expect(runIssues({ budgets: { run: { duration: 'soon' } } })[0]?.path).toBe('budgets.run.duration');
  });

  it('has a parent of the same guard, or none', () => {
    const stranger = createGuard().start();
    expect(runIssues({ parent: stranger })[0]?.path).toBe('parent');
    expect(runIssues({ parent: { id: 'r' } })[0]?.path).toBe('parent');
  });

  it('has a signal that is one, and no further options', () => {
    expect(runIssues({ signal: {} })[0]?.path).toBe('signal');
    expect(runIssues({ user: 'u1' })[0]?.message).toContain('"user"');
  });

  it('has a function to run', async () => {
    const error = await errorOf(guard.run({}, undefined as never));
    expect(error).toBeInstanceOf(InvalidOptionError);
  });

  it('belongs to the tenant of the run around it', async () => {
    const run = guard.start({ scopes: { tenant: 'a' } });
    expect(issuesOf(() => guard.start({ parent: run, scopes: { tenant: 'b' } }))[0]?.path).toBe('scopes.tenant');
    await run.end();
  });
});

describe('ids of accounts', () => {
  it('may hold separators, braces and line ends, and none is taken for another', async () => {
    const ids = ['a:b', 'a', 'b', '{a}', 'a}{b', 'a\nb', 'a/b', '__proto__', 'constructor', '*', '%', '🙂', ' '];
    const guard = createGuard({ budgets: { user: { steps: 2 }, session: { steps: 100 } } });
    for (const id of ids) {
      await guard.run({ scopes: { user: id, session: `${id}:s` } }, async (run) => {
        await run.step(toolCall(), () => ({ output: id }));
        await run.step(toolCall({ args: id }), () => ({ output: id }));
      });
    }
    for (const id of ids) {
      expect((await guard.read('user', id)).used.steps).toBe(2);
      expect(await errorOf(guard.run({ scopes: { user: id } }, (run) => run.begin(toolCall())))).toBeInstanceOf(HaltError);
    }
  });

  it('does not confuse a tenant and an id with another pair that reads the same', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1 } } });
    const spend = (tenant: string, user: string) =>
      guard.run({ scopes: { tenant, user } }, (run) => run.step(toolCall(), () => ({ output: 1 })));
    await spend('a:b', 'c');
    await expect(spend('a', 'b:c')).resolves.toBe(1);
    await expect(spend('a:b', 'c')).rejects.toBeInstanceOf(HaltError);
  });

  it('may be numbers, which are texts', async () => {
    const guard = createGuard({ budgets: { user: { steps: 5 } } });
    await guard.run({ scopes: { user: 42 } }, (run) => run.step(toolCall(), () => ({ output: 1 })));
    expect((await guard.read('user', '42')).used.steps).toBe(1);
  });
});

describe('single accounts', () => {
  const guard = createGuard({ budgets: { user: { steps: 5 } } });

  it.each([
    ['an unknown scope', () => guard.read('usr' as never, 'u1')],
    ['a run without an id', () => guard.read('run')],
    ['an id of a million characters', () => guard.read('user', 'x'.repeat(1_000_000))],
    ['limits that are none', () => guard.adjust('user', 'u1', { steps: -1 })],
    ['a length of time that is none', () => guard.adjust('user', 'u1', { steps: 1 }, { for: 'long' as never })],
    ['a date that is none', () => guard.adjust('user', 'u1', { steps: 1 }, { until: new Date('never') })],
    ['a moment that is none', () => guard.adjust('user', 'u1', { steps: 1 }, { until: 'tomorrow' as never })],
    ['two ends at once', () => guard.adjust('user', 'u1', { steps: 1 }, { for: '1h', until: 5 })],
    ['an unknown scope to erase', () => guard.erase('usr' as never, 'u1')],
  ])('are not found by %s', async (_, act) => {
    expect(await errorOf(act())).toBeInstanceOf(InvalidOptionError);
  });
});
