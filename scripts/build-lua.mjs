/**
 * Writes the Lua of the Redis store into one module, so that the package needs no files at run time. A line
 * `--- @include NAME` is replaced by that file. Run it after a change of the Lua; a test holds the two against each other.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.join(import.meta.dirname, '..', 'integrations', 'redis');
const read = (name) => readFileSync(path.join(folder, 'lua', name), 'utf8');

const scripts = ['step', 'read', 'extend'].map((name) => {
  const source = read(`${name}.lua`).replace(/^--- @include (\S+)$/gm, (_, included) => read(included));
  // Comments and blank lines are for readers of the files; the server need not be sent them.
  const lines = source.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('--'));
  return `export const ${name}Script = ${JSON.stringify(lines.join('\n'))};\n`;
});

const module = `// Written by scripts/build-lua.mjs from lua/*.lua. Do not edit.\n${scripts.join('')}`;
if (process.argv.includes('--print')) process.stdout.write(module);
else writeFileSync(path.join(folder, 'scripts.gen.ts'), module);
