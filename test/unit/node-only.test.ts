import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test('a runtime that is not Node is told so at import', async () => {
  vi.stubGlobal('process', { env: {} });
  await expect(import('../../src/node-only.ts')).rejects.toThrow(/holdfast needs Node 20\.19 or later/);
});

test('Node is not', async () => {
  await expect(import('../../src/node-only.ts')).resolves.toBeDefined();
});
