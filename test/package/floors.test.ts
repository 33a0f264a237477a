import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const checker = path.join(import.meta.dirname, '..', '..', 'scripts', 'check-floors.mjs');
const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-floors-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let trees = 0;
function check(files: Record<string, string>): { status: number | null; problems: string } {
  const root = path.join(scratch, `tree-${(trees += 1)}`);
  for (const [file, source] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), source);
  }
  const { status, stderr } = spawnSync(process.execPath, [checker, '--root', root], { encoding: 'utf8' });
  return { status, problems: stderr };
}

const forbidden: readonly [file: string, source: string][] = [
  ['src/core/a.ts', "import { x } from '../stores/store.ts';"],
  ['src/core/b.ts', "import type { X } from '../meter/meter.ts';"],
  ['src/core/c.ts', "import { z } from 'zod';"],
  ['src/core/d.ts', "import { readFileSync } from 'node:fs';"],
  ['src/meter/a.ts', "export { x } from '../stores/memory-store.ts';"],
  ['src/stores/a.ts', "import type { X } from '../meter/meter.ts';"],
  ['src/stores/b.ts', "import { z } from 'zod';"],
  ['src/loops/a.ts', "import { x } from '../ladder/rung.ts';"],
  ['src/ladder/a.ts', "import { x } from '../runtime/guard.ts';"],
  ['src/runtime/a.ts', "import { x } from '../audit/log.ts';"],
  ['src/runtime/b.ts', "import { x } from '../testing/fake-clock.ts';"],
  ['src/runtime/c.ts', "const later = import('../../integrations/redis/index.ts');"],
  ['src/audit/a.ts', "import { x } from '../runtime/guard.ts';"],
  ['src/testing/a.ts', "import { test } from 'vitest';"],
  ['src/index.ts', "export { x } from './testing/index.ts';"],
  ['integrations/langchain/a.ts', "import { x } from '../../src/index.ts';"],
  ['integrations/langchain/b.ts', "import { x } from '../redis/index.ts';"],
  ['integrations/redis/a.ts', "import {\n  x,\n  y,\n} from '@langchain/core/tools';"],
  ['integrations/redis/b.ts', "import { x } from 'holdfast/langchain';"],
  ['integrations/prometheus/a.ts', "import { Redis } from 'ioredis';"],
  ['integrations/opentelemetry/a.ts', "import x from 'prom-client';"],
  ['integrations/http/a.ts', "import { x } from 'express';"],
  ['integrations/ai-sdk/a.ts', "import { x } from 'langchain';"],
  ['integrations/openai-agents/a.ts', "import { x } from 'ai';"],
  ['integrations/fetch/a.ts', "import 'undici';"],
  ['integrations/dashboard/a.ts', "const { x } = require('react');"],
  ['integrations/cli/a.ts', "import { Redis } from 'ioredis';"],
  ['integrations/cli/b.ts', "import { x } from '../langchain/index.ts';"],
  ['integrations/unheard-of/a.ts', "import { x } from 'holdfast';"],
  ['examples/a.ts', "import { x } from '../src/index.ts';"],
];

const allowed: Record<string, string> = {
  'src/core/a.ts': "import { x } from './b.ts';\nimport { createHash } from 'node:crypto';\n/* import { z } from 'zod' */",
  'src/core/b.ts': "// import { y } from '../runtime/guard.ts';\nexport const text = `not an import from 'zod'`;",
  'src/stores/a.ts': "import { x } from '../core/a.ts';",
  'src/runtime/a.ts':
    "import { z } from 'zod';\nimport { x } from '../stores/a.ts';\nimport { AsyncLocalStorage } from 'node:async_hooks';",
  'src/audit/a.ts': "import type { Events } from '../runtime/a.ts';",
  'src/testing/a.ts': "import { x } from '../stores/a.ts';",
  'src/index.ts': "export { x } from './runtime/a.ts';",
  'integrations/redis/a.ts': "import type { Redis } from 'ioredis';\nimport { x } from 'holdfast';\nimport { y } from './scripts/b.ts';",
  'integrations/redis/scripts/b.ts': "import { x } from '../a.ts';",
  'integrations/cli/a.ts': "import { x } from 'holdfast/redis';\nconst ioredis = await import('ioredis');",
  'examples/a.ts': "import { x } from 'holdfast/testing';",
};

describe('floors', () => {
  it('refuses a forbidden import on every floor', () => {
    const { status, problems } = check(Object.fromEntries(forbidden));
    expect(status).toBe(1);
    const files = problems.split('\n').map((line) => line.split(':')[0]);
    expect(forbidden.filter(([file]) => !files.includes(file))).toEqual([]);
  });

  it('lets imports pass that go to a lower floor or stay in their folder', () => {
    expect(check(allowed)).toEqual({ status: 0, problems: '' });
  });

  it('finds every import of the sources on the right floor', () => {
    const { stderr, status } = spawnSync(process.execPath, [checker], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
