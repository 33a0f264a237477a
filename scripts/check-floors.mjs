/**
 * Checks that every import goes to a lower floor (the table is floors.mjs). Run by `npm run lint`.
 * `--root DIR` checks another tree; `--list` prints the imports as JSON instead.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { floors } from './floors.mjs';

const { values } = parseArgs({
  options: { root: { type: 'string', default: path.join(import.meta.dirname, '..') }, list: { type: 'boolean', default: false } },
});
const root = path.resolve(values.root);

const isWithin = (file, folder) => file.startsWith(`${folder}/`);
const floorOf = (file) => floors.filter(({ folder }) => isWithin(file, folder)).sort((a, b) => b.folder.length - a.folder.length)[0];

/** The imports of a source: what is imported, and whether only for its types or only when it is needed. */
function importsOf(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found = [];
  for (const [, isType, specifier] of code.matchAll(/^[ \t]*(?:import|export)\s+(type\b)?[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm)) {
    found.push({ specifier, isType: isType !== undefined, isLazy: false });
  }
  for (const [, specifier] of code.matchAll(/^[ \t]*import\s*['"]([^'"]+)['"]/gm)) found.push({ specifier, isType: false, isLazy: false });
  for (const [, specifier] of code.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g)) {
    found.push({ specifier, isType: false, isLazy: true });
  }
  return found;
}

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Why an import is not allowed, or undefined. */
function objection(file, floor, { specifier, isType, isLazy }) {
  if (specifier.startsWith('.')) {
    const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
    const targetFloor = floorOf(target);
    if (targetFloor && floor.sees.includes(targetFloor.folder)) return undefined;
    if (targetFloor && isType && floor.types.includes(targetFloor.folder)) return undefined;
    return `${floor.folder} must not see ${targetFloor?.folder ?? target}`;
  }
  if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
    const isAllowed = floor.node === true || floor.node.includes(specifier);
    return isAllowed ? undefined : `${floor.folder} is pure and must not need ${specifier}`;
  }
  const name = packageOf(specifier);
  if (name === 'holdfast') {
    const isAllowed = floor.packages.includes(specifier) || floor.packages.includes('holdfast/*');
    return isAllowed ? undefined : `${floor.folder} must not import ${specifier}`;
  }
  if (floor.packages.includes(name)) return undefined;
  if (!floor.lazy.includes(name)) return `${floor.folder} must not import the package ${name}`;
  return isLazy || isType ? undefined : `${floor.folder} must load ${name} only when it is needed: use import()`;
}

const imports = [];
const problems = [];
for (const folder of ['src', 'integrations', 'examples']) {
  if (!existsSync(path.join(root, folder))) continue;
  for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(?:ts|mts|mjs|js)$/.test(entry.name)) continue;
    const file = path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/');
    const floor = floorOf(file);
    if (!floor) {
      problems.push(`${file}: no floor is declared for this folder; add one to scripts/floors.mjs`);
      continue;
    }
    for (const found of importsOf(readFileSync(path.join(root, file), 'utf8'))) {
      imports.push({ file, ...found });
      const reason = objection(file, floor, found);
      if (reason) problems.push(`${file}: ${reason} (${found.specifier})`);
    }
  }
}

if (values.list) {
  console.log(JSON.stringify(imports));
} else {
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'floors: every import goes to a lower floor' : `floors: ${problems.length} forbidden imports`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
