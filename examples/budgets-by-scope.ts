/** Who may spend what: per user, feature and tenant, over windows, with alerts, and raised while runs are alive. */
import { createGuard, type Run } from 'holdfast';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({
    budgets: {
      run: { steps: 60 },
      user: { usd: 0.5, window: 'day' },
      feature: { usd: 20, window: 'day', per: { 'document-analysis': { usd: 100 } } },
      tenant: { usd: 200, window: { every: 'month', timeZone: 'Europe/Berlin' } },
      project: { tokens: 1_000_000, window: { rolling: '24h' } }, // a scope of your own
      global: { usd: 500, window: 'day' },
    },
  });
  guard.on('budget:alert', ({ scope, threshold, used, limit }) => say(`${scope} at ${threshold * 100} %: ${used} of ${limit}`));

  const work = (run: Run): Promise<string> => run.step({ kind: 'tool', name: 'translate', usd: 0.3 }, () => ({ output: 'done' }));
  const scopes = { user: 'alice', feature: 'search', tenant: 'acme', project: 'website' };

  say(await guard.run({ scopes }, work));
  say(await guard.run({ scopes }, work).catch((error: Error) => error.message.replace(/ at .*/, '')));

  await guard.adjust('user', 'alice', { usd: 2 }, { for: '1h', tenant: 'acme' });
  say(await guard.run({ scopes }, work));

  const { used, remaining } = await guard.read('user', 'alice', { tenant: 'acme' });
  say(`alice has used $${used.usd}, and has $${remaining.usd?.toFixed(2)} left`);
}
