import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signOfOthers, type ProcessFacts } from '../../../src/runtime/many-processes.ts';
import { builtPackage } from '../../support/built-package.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-processes-'));
let built = '';
beforeAll(async () => {
  built = await builtPackage(scratch);
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The warnings of a cluster of so many workers, of which each makes two guards and then ends. `restarts`: one is begun anew. */
async function warningsOf(workers: number, budgets: string, { restarts = 0, env = {} } = {}): Promise<string[]> {
  const file = path.join(built, `cluster-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(
    file,
    `import cluster from 'node:cluster';
     import { createGuard, memoryStore } from './holdfast.js';
     if (cluster.isPrimary) {
       let restarts = ${restarts};
       for (let worker = 0; worker < ${workers}; worker += 1) cluster.fork();
       cluster.on('exit', () => { if (restarts-- > 0) cluster.fork(); });
     } else {
       process.on('warning', ({ code, message }) => console.log(code + ' ' + message));
       for (let guard = 0; guard < 2; guard += 1) createGuard(${budgets});
       // Long enough for all of them to be there.
       setTimeout(() => { createGuard(${budgets}); setTimeout(() => process.exit(0), 100); }, ${workers > 1 ? 3_000 : 50});
     }`,
  );
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--no-warnings', file], { timeout: 60_000, env: { ...process.env, ...env } }, (_, stdout) =>
      resolve(stdout),
    );
  });
  return output.split('\n').filter((line) => line.startsWith('HOLDFAST'));
}

describe.runIf(process.platform === 'linux')('budgets that are kept in memory', () => {
  it('are warned of once by each worker that is one of several', async () => {
    const warnings = await warningsOf(2, '{ budgets: { user: { usd: 1 }, run: { usd: 1 } } }');
    expect(warnings).toHaveLength(2);
    for (const warning of warnings)
      expect(warning).toMatch(/^HOLDFAST_MANY_PROCESSES .*budgets of user in this process alone.*one of 2 workers/);
  }, 60_000);

  it('are not warned of in a single worker, begun anew or not, in runs alone, or when it is meant so', async () => {
    expect(await warningsOf(1, '{ budgets: { user: { usd: 1 } } }', { restarts: 2 })).toEqual([]);
    expect(await warningsOf(2, '{ budgets: { run: { usd: 1 } } }')).toEqual([]);
    expect(await warningsOf(2, '{ store: memoryStore({ perProcess: true }), budgets: { user: { usd: 1 } } }')).toEqual([]);
  }, 90_000);
});

describe('the sign that there are other processes', () => {
  const alone: ProcessFacts = { env: {}, isWorker: false, siblings: () => 5 };

  it.each<[string, Partial<ProcessFacts>, string | undefined]>([
    ['a process by itself', {}, undefined],
    ['a process whose parent has others, but no cluster', { siblings: () => 9 }, undefined],
    ['the only worker of a cluster', { isWorker: true, siblings: () => 1 }, undefined],
    ['a worker where nobody tells of others', { isWorker: true, siblings: () => undefined }, undefined],
    ['one of three workers', { isWorker: true, siblings: () => 3 }, 'it is one of 3 workers of a cluster'],
    ['the first of pm2', { env: { pm_id: '0', NODE_APP_INSTANCE: '0' } }, undefined],
    ['the only one of pm2, in a cluster', { env: { pm_id: '7', NODE_APP_INSTANCE: '0' }, isWorker: true }, undefined],
    ['the second of pm2', { env: { pm_id: '1', NODE_APP_INSTANCE: '1' } }, 'pm2 started it as instance 1'],
    ['a number that is not pm2’s', { env: { NODE_APP_INSTANCE: '1' } }, undefined],
    ['a platform that asks for workers', { env: { WEB_CONCURRENCY: '4', KUBERNETES_SERVICE_HOST: '10.0.0.1' } }, undefined],
  ])('of %s', (_, facts, sign) => {
    expect(signOfOthers({ ...alone, ...facts })).toBe(sign);
  });
});
