import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly exports: Record<string, unknown>;
  readonly bin: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional?: boolean }>;
};

const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
const specifierOf = (subpath: string): string => path.posix.join('holdfast', subpath);

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-package-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const node = (cwd: string, ...args: string[]): string => execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });

let tarball = '';
beforeAll(() => {
  node(root, path.join('scripts', 'setup.mjs'), '--build');
  execFileSync('npm', ['pack', '--silent', '--pack-destination', scratch], { cwd: root });
  tarball = path.join(scratch, readdirSync(scratch).find((file) => file.endsWith('.tgz')) ?? '');
}, 120_000);

/** An empty project with the packed package unpacked into it, and nothing else but these packages, linked: no network. */
function project(name: string, packages: readonly string[]): string {
  const folder = path.join(scratch, name);
  const installed = path.join(folder, 'node_modules', 'holdfast');
  mkdirSync(installed, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  for (const dependency of packages) {
    const link = path.join(folder, 'node_modules', dependency);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', dependency), link, 'junction');
  }
  return folder;
}

const countExports = (importing: string): string => `const all = ${importing}; console.log(Object.keys(all).length);`;

describe('the packed package', () => {
  it('gives every subpath to import and to require', () => {
    const folder = project('with-peers', [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]);
    for (const specifier of subpaths.map(specifierOf)) {
      expect(Number(node(folder, '--input-type=module', '-e', countExports(`await import('${specifier}')`))), specifier).toBeGreaterThan(0);
      expect(Number(node(folder, '--input-type=commonjs', '-e', countExports(`require('${specifier}')`))), specifier).toBeGreaterThan(0);
    }
  });

  it('works with its own dependencies alone, without any peer', () => {
    const folder = project('without-peers', Object.keys(manifest.dependencies));
    for (const specifier of ['holdfast', 'holdfast/testing']) {
      expect(Number(node(folder, '--input-type=module', '-e', countExports(`await import('${specifier}')`))), specifier).toBeGreaterThan(0);
    }
  });

  const filesIn = (archive: string): string[] => execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).split('\n');

  it('carries its sources for maps, its licence and its change log, and none of its tests', () => {
    const files = filesIn(tarball);
    for (const file of ['package/LICENSE', 'package/CHANGELOG.md', 'package/src/index.ts', 'package/dist/src/index.js']) {
      expect(files).toContain(file);
    }
    expect(files.filter((file) => /^package\/(?:test|bench|scripts|examples|docs)\//.test(file))).toEqual([]);
  });

  it('has every file that its manifest names', () => {
    const files = filesIn(tarball);
    const named = JSON.stringify([manifest.exports, manifest.bin]).match(/"\.\/[^"]+\.[jt]s"/g) ?? [];
    const missing = named.map((quoted) => path.posix.join('package', JSON.parse(quoted) as string)).filter((file) => !files.includes(file));
    expect(missing).toEqual([]);
  });
});

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const packagesImportedIn = (folder: string): string[] => {
  const imports = JSON.parse(node(root, path.join('scripts', 'check-floors.mjs'), '--list')) as Import[];
  const isPackage = ({ specifier }: Import): boolean => !/^(?:\.|node:|holdfast(?:\/|$))/.test(specifier);
  const names = imports
    .filter((found) => found.file.startsWith(`${folder}/`) && isPackage(found))
    .map(({ specifier }) => packageOf(specifier));
  return [...new Set(names)].sort();
};

const sourcesOf = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(path.join(root, folder, file), 'utf8'));

describe('dependencies', () => {
  it('are the five of the core, each used by the core', () => {
    const declared = Object.keys(manifest.dependencies).sort();
    expect(declared).toEqual(['@pydantic/genai-prices', 'eventemitter3', 'js-tiktoken', 'p-queue', 'zod']);
    // One is not imported, but found on the disk by its name.
    const named = declared.filter((name) => sourcesOf('src').some((source) => source.includes(`\`${name}/`)));
    expect([...new Set([...packagesImportedIn('src'), ...named])].sort()).toEqual(declared);
  });

  it('of integrations are optional peers, each used by an integration', () => {
    const declared = Object.keys(manifest.peerDependencies).sort();
    const allowed = [...declared, ...Object.keys(manifest.dependencies)];
    expect(packagesImportedIn('integrations').filter((name) => !allowed.includes(name))).toEqual([]);
    expect(declared.filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
  });
});
