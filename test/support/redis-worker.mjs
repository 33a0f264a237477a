/**
 * One of many processes that share a Redis. Uses the built package, as a user does.
 * `lease POLICY`: does a step under a lease, says so, and never gives it back. `hold ID TTL`: reserves, says so, and never ends. `many COUNT`: so many runs at once reserve and settle; says how many were granted; `many-leased`: under leases.
 */
import { Redis } from 'ioredis';
import { resolveWindow } from 'holdfast';
import { redisStore } from 'holdfast/redis';

const [port, command, ...args] = process.argv.slice(2);
const client = new Redis(Number(port));
const store = redisStore(client, { timeoutMs: 60_000, ...(command === 'many-leased' && { lease: { modelCalls: 8, for: '1s' } }) });
const nothing = { usd: 0, tokens: 0, inputTokens: 0, outputTokens: 0, reasoningTokens: 0, steps: 0, modelCalls: 0, toolCalls: 0 };
const account = (scope, limits, tenant = 'acme') => ({
  tenant,
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits,
  alertAt: [],
  onExpire: 'release',
});
const accounts = [account('session', {}), account('user', { modelCalls: 100 }), account('global', {}, '')];
const amounts = { ...nothing, modelCalls: 1 };

if (command === 'lease') {
  const leased = redisStore(client, { lease: { modelCalls: 10, for: '1m' } });
  const refs = [{ ...account('leased', { modelCalls: 100 }), onExpire: args[0] }];
  await leased.reserve({ id: 'one', accounts: refs, asks: [{ base: amounts }], ttlMs: 60_000 });
  await leased.settle({ id: 'one', accounts: refs, actual: amounts });
  console.log('leased');
  setInterval(() => {}, 1_000);
} else if (command === 'hold') {
  const [id, ttlMs] = args;
  await store.reserve({ id, accounts, asks: [{ base: amounts }], ttlMs: Number(ttlMs) });
  console.log('held');
  setInterval(() => {}, 1_000);
} else {
  const runs = Array.from({ length: Number(args[0]) }, async (_, run) => {
    let granted = 0;
    for (let step = 0; step < 3; step += 1) {
      const id = `${process.pid}-${run}-${step}`;
      const reply = await store.reserve({ id, accounts, asks: [{ base: amounts }], ttlMs: 60_000 });
      if (!reply.granted) continue;
      granted += 1;
      store.settle({ id, accounts, actual: amounts }).catch((error) => console.error(error));
    }
    return granted;
  });
  const granted = (await Promise.all(runs)).reduce((sum, each) => sum + each, 0);
  await store.flush();
  await store.close();
  console.log(granted);
  client.disconnect();
}
