/**
 * Makes a clone ready to use: installs the packages that are missing; with `--build` also builds when the build is missing
 * or older than the sources. Needs nothing but Node and npm, so that `npm start` and `npm test` can be the first command.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const at = (...parts) => path.join(root, ...parts);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`holdfast needs Node 20.19 or later; this is ${process.versions.node}`);
  process.exit(1);
}

function run(command, ...args) {
  // Windows finds npm only through its shell.
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}

const { dependencies, devDependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
  (name) => !existsSync(at('node_modules', name, 'package.json')),
);
if (missing.length > 0) {
  console.log(`Installing ${missing.length} missing packages …`);
  // Not `npm ci`: it refuses a lock file without the bindings of platforms that the registry at hand does not carry.
  // This too installs what the lock file says, and `--no-save` leaves it as it is.
  run('npm', 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error');
}

/** The latest change under a folder; a file that was removed changes its folder. */
function newest(folder) {
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { recursive: true });
  return Math.max(statSync(folder).mtimeMs, ...entries.map((entry) => statSync(path.join(folder, entry)).mtimeMs));
}

if (process.argv.includes('--build')) {
  const built = at('dist', 'src', 'index.js');
  const sources = [at('src'), at('integrations'), at('examples')].map(newest);
  const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((file) => statSync(at(file)).mtimeMs);
  if (!existsSync(built) || statSync(built).mtimeMs < Math.max(...sources, ...settings)) run('npm', 'run', '--silent', 'build');
}
