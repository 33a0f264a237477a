import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..', '..');

it('sends the server what stands in the Lua files (else run `node scripts/build-lua.mjs`)', () => {
  const written = execFileSync(process.execPath, [path.join(root, 'scripts', 'build-lua.mjs'), '--print'], { encoding: 'utf8' });
  expect(readFileSync(path.join(root, 'integrations', 'redis', 'scripts.gen.ts'), 'utf8')).toBe(written);
});
