import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'vite';

const root = path.join(import.meta.dirname, '..', '..');

/** Bundles the public package into `holdfast.js` in a folder, for tests that need a process of their own; gives the folder. */
export const builtPackage = (folder: string): Promise<string> => built(folder, 'src/index.ts', 'holdfast.js');

/** Bundles a program of the tests, with the package as it stands in it; gives the file. */
export const builtProgram = async (folder: string, entry: string): Promise<string> =>
  path.join(await built(folder, entry, 'program.js'), 'program.js');

async function built(folder: string, entry: string, file: string): Promise<string> {
  const outDir = path.join(folder, 'built');
  mkdirSync(outDir, { recursive: true });
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: [/^holdfast/], resolve: { conditions: ['holdfast-source', 'node', 'import', 'default'] } },
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: { output: { entryFileNames: file } },
    },
  });
  writeFileSync(path.join(outDir, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(root, 'node_modules'), path.join(outDir, 'node_modules'), 'junction');
  return outDir;
}
