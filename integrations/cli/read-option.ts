import { readFile } from 'node:fs/promises';
import { fileProblem } from './file-problem.ts';
import { UsageError } from './usage-error.ts';

/**
 * Reads an option that names a JSON file, such as `--prices FILE`.
 *
 * @throws UsageError that names the option, the file, and what is wrong with it
 */
export async function readOption<T>(option: string, file: string, check: (value: unknown) => T): Promise<T> {
  try {
    return check(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be used: ${fileProblem(error)}`);
  }
}
