import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..', '..');
const cache = path.join(root, 'node_modules', '.cache');
let built = '';

const run = (
  file: string,
  args: readonly string[],
  timeout: number,
): Promise<{ code: number | null; output: string; wasKilled: boolean }> =>
  new Promise((resolve) => {
    const child = execFile(file, args, { cwd: root, timeout }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, output: stdout + stderr, wasKilled: child.killed });
    });
  });

/** Runs a script against the built sources in a process of its own, which has 20 seconds to end by itself. */
async function script(body: string): Promise<{ code: number | null; output: string; wasKilled: boolean }> {
  const file = path.join(built, `script-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(
    file,
    `import { createGuard, memoryStore } from ${JSON.stringify(pathToFileURL(path.join(built, 'src', 'index.js')).href)};\n${body}`,
  );
  return run(process.execPath, [file], 20_000);
}

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  built = mkdtempSync(path.join(cache, 'holdfast-exit-'));
  const config = path.join(built, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: path.join(root, 'tsconfig.build.json'),
      compilerOptions: { rootDir: root, outDir: built, declaration: false, declarationMap: false, sourceMap: false },
      files: [path.join(root, 'src', 'index.ts')],
      include: [],
    }),
  );
  await run(process.execPath, [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config], 60_000);
}, 60_000);

afterAll(() => rmSync(built, { recursive: true, force: true }));

describe('a process', () => {
  it('ends by itself while runs and steps are open', async () => {
    const outcome = await script(`
      const guard = createGuard({
        budgets: { run: { duration: '10m', steps: 5 }, user: { usd: 5 } },
        prices: { m: { input: 1, output: 1 } },
        concurrency: 1,
      });
      const run = guard.start();
      await run.begin({ kind: 'model', model: 'm', input: 'hello' });
      run.begin({ kind: 'model', model: 'm', input: 'waits for the slot' }).catch(() => {});
      run.pause();
      await guard.run(async function* () { yield 1; });
      console.log('begun');
    `);
    expect(outcome).toEqual({ code: 0, output: 'begun\n', wasKilled: false });
  });

  it('stays alive while somebody waits for a store that does not answer', async () => {
    const outcome = await script(`
      const store = { ...memoryStore(), inProcess: false, reserve: () => new Promise(() => {}) };
      const guard = createGuard({ store, storeTimeout: '300ms', budgets: { user: { usd: 5 } } });
      const error = await guard.run((run) => run.begin({ kind: 'tool', name: 'search' })).catch((error) => error);
      console.log(error.code);
    `);
    expect(outcome).toEqual({ code: 0, output: 'store_unavailable\n', wasKilled: false });
  });

  it('stays alive until what a run used is written', async () => {
    const outcome = await script(`
      let failures = 2;
      const inner = memoryStore();
      const settle = (request) => {
        failures -= 1;
        if (failures >= 0) throw new Error('no connection');
        console.log('written');
        return inner.settle(request);
      };
      const guard = createGuard({ store: { ...inner, inProcess: false, settle }, budgets: { user: { steps: 5 } } });
      await guard.run((run) => run.step({ kind: 'tool', name: 'search' }, () => ({ output: 1 })));
      console.log('ended');
    `);
    expect(outcome).toEqual({ code: 0, output: 'written\nended\n', wasKilled: false });
  });
});
