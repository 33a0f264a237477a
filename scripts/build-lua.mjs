/**
 * Writes the Lua of the Redis store into one module, so that the package needs no files at run time. A line
 * `--- @include NAME` is replaced by that file, and a constant (`local NAME = 1`) by its value: a script makes its locals
 * anew each time it is called. Run it after a change of the Lua; a test holds the two against each other.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.join(import.meta.dirname, '..', 'integrations', 'redis');
const read = (name) =>
  readFileSync(path.join(folder, 'lua', name), 'utf8').replace(/^ *--- @include (\S+)$/gm, (_, included) => read(included));

const literal = String.raw`(?:-?\d+(?:\.\d+)?|'[^']*')`;
const constants = new RegExp(String.raw`^local ([A-Z][A-Z_]+(?:, [A-Z][A-Z_]+)*) = (${literal}(?:, ${literal})*)$`, 'gm');

/** Puts constants in their places. */
function inlined(source) {
  const values = new Map();
  const without = source.replace(constants, (_, names, literals) => {
    const written = literals.split(', ');
    for (const [index, name] of names.split(', ').entries()) values.set(name, written[index]);
    return '';
  });
  return without.replace(/\b[A-Z][A-Z_]+\b/g, (name) => values.get(name) ?? name);
}

const scripts = ['step', 'read', 'extend', 'expire'].map((name) => {
  // Comments and blank lines are for readers of the files; the server need not be sent them.
  const lines = read(`${name}.lua`)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'));
  return `export const ${name}Script = ${JSON.stringify(inlined(lines.join('\n')).replace(/\n+/g, '\n').trim())};\n`;
});

const module = `// Written by scripts/build-lua.mjs from lua/*.lua. Do not edit.\n${scripts.join('')}`;
if (process.argv.includes('--print')) process.stdout.write(module);
else writeFileSync(path.join(folder, 'scripts.gen.ts'), module);
