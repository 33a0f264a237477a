/**
 * `npm test`: sets a clone up and runs every check; prints what it skipped and why, and ends with the count of tests.
 * `npm test -- ARGS` runs vitest alone with these arguments.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const isCi = process.env.CI === 'true';

function run(command, ...args) {
  const options = { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' };
  return spawnSync(command, args, options).status === 0;
}
const tool = (name, ...args) => run(path.join(root, 'node_modules', '.bin', name), ...args);

if (!run(process.execPath, path.join('scripts', 'setup.mjs'))) process.exit(1);

const wanted = process.argv.slice(2);
if (wanted.length > 0) process.exit(tool('vitest', 'run', ...wanted) ? 0 : 1);

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-test-'));
const totalsFile = path.join(scratch, 'vitest.json');
const failed = [];
const skipped = [];

function stage(name, check) {
  console.log(`\n── ${name}`);
  if (!check()) failed.push(name);
}

/** What some tests need of the machine, and the tests that are skipped without it. */
const needs = [
  { programs: ['redis-server'], tests: 'the Redis store' },
  { programs: ['prometheus'], tests: 'dashboards against a real Prometheus' },
  { programs: ['promtool'], tests: 'the alert rules' },
  { programs: ['chromium', 'chromium-browser'], tests: 'the dashboard in a browser' },
];
const isOnPath = (program) => (process.env.PATH ?? '').split(path.delimiter).some((folder) => existsSync(path.join(folder, program)));
for (const { programs, tests } of needs) {
  if (programs.some(isOnPath)) continue;
  skipped.push(`tests of ${tests}: ${programs[0]} is not on this machine`);
  if (isCi) failed.push(`${programs[0]} is missing (CI=true: a missing program is a failure)`);
}

stage('format', () => tool('oxfmt', '--check', '.'));
stage('lint', () => tool('oxlint', '--deny-warnings') && run(process.execPath, path.join('scripts', 'check-floors.mjs')));
stage('types', () => tool('tsc', '-p', 'tsconfig.json'));
stage('build', () => run('npm', 'run', '--silent', 'build'));
stage('tests', () => tool('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${totalsFile}`));
stage('package', () => {
  if (!run('npm', 'pack', '--silent', '--pack-destination', scratch)) return false;
  const tarball = path.join(
    scratch,
    readdirSync(scratch).find((file) => file.endsWith('.tgz')),
  );
  return tool('publint', '--strict', tarball) && tool('attw', tarball, '--profile', 'esm-only');
});

const totals = existsSync(totalsFile) ? JSON.parse(readFileSync(totalsFile, 'utf8')) : undefined;
rmSync(scratch, { recursive: true, force: true });

console.log('');
for (const line of skipped) console.log(`skipped: ${line}`);
if (totals?.numPendingTests > 0) console.log(`skipped: ${totals.numPendingTests} tests, marked ↓ above`);
for (const line of failed) console.log(`failed: ${line}`);
console.log(failed.length === 0 ? 'every check passed' : 'some checks failed');
// A file that could not be loaded has no tests to count, and is a failure all the same.
const brokenFiles = totals?.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
).length;
console.log(
  totals ? `${totals.numPassedTests} passed, ${totals.numFailedTests + brokenFiles} failed` : '0 passed, 1 failed (the tests did not run)',
);
process.exitCode = failed.length === 0 ? 0 : 1;
