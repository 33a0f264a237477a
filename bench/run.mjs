// Runs every benchmark, one after the other: `npm run bench`, or `npm run bench -- core loops` for some of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

const own = path.basename(import.meta.filename);
const all = readdirSync(import.meta.dirname).flatMap((file) => (file.endsWith('.mjs') && file !== own ? [file.slice(0, -4)] : []));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));

if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${all.join(', ')}.`);
  process.exitCode = 2;
} else {
  for (const name of asked.length > 0 ? asked : all) {
    console.log(`\n== ${name}\n`);
    const { status } = spawnSync(process.execPath, ['--expose-gc', path.join(import.meta.dirname, `${name}.mjs`)], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}
