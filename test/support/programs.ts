import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where a program is, or undefined. */
export function programPath(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
}

/**
 * Whether the tests that need a program can run. On a machine without it they are skipped, and told so; under CI=true
 * that it is missing is a failure of theirs.
 */
export function hasProgram(tests: string, ...names: readonly string[]): boolean {
  if (programPath(...names) !== undefined || process.env['CI'] === 'true') return true;
  process.stderr.write(`skipped: tests of ${tests}: ${names.join(' or ')} is not on this machine\n`);
  return false;
}
