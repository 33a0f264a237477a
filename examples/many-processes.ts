/** One budget across many processes: a store in Redis (or Valkey), and as many guards as you like. */
import { createGuard } from 'holdfast';
import { redisStore } from 'holdfast/redis';
import { Redis } from 'ioredis';

export async function main(say = console.log): Promise<void> {
  // Each of these stands for a process with a client of its own.
  const worker = async (): Promise<number> => {
    const client = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
    const guard = createGuard({
      store: redisStore(client),
      budgets: { user: { steps: 100, window: 'day' } },
    });
    let done = 0;
    const runs = Array.from({ length: 50 }, () =>
      guard
        .run({ scopes: { user: 'alice' } }, (run) => run.step({ kind: 'tool', name: 'translate' }, () => ({ output: 'done' })))
        .then(() => (done += 1))
        .catch(() => {}),
    );
    await Promise.all(runs);
    await guard.close();
    await client.quit();
    return done;
  };

  const done = await Promise.all([worker(), worker(), worker(), worker()]);
  say(`${done.length} workers asked 200 times and were allowed ${done.reduce((sum, each) => sum + each, 0)} times`);
}
