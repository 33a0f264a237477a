import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'vite';

const root = path.join(import.meta.dirname, '..', '..');

/** Bundles the public package into `holdfast.js` in a folder, for tests that need a process of their own; gives the folder. */
export async function builtPackage(folder: string): Promise<string> {
  const outDir = path.join(folder, 'built');
  mkdirSync(outDir, { recursive: true });
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: 'src/index.ts',
      outDir,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'holdfast.js' } },
    },
  });
  writeFileSync(path.join(outDir, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(root, 'node_modules'), path.join(outDir, 'node_modules'), 'junction');
  return outDir;
}
