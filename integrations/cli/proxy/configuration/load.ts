import { readFileSync, statSync } from 'node:fs';
import { createGuard, InvalidOptionError, type Guard, type Store } from 'holdfast';
import { UsageError } from '../../usage-error.ts';
import { guardFields } from './guard-part.ts';
import { ladderOf } from './ladder-part.ts';
import { configurationSchema, type Configuration } from './schema.ts';
import type { Secrets } from './secret.ts';

const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Reads a configuration file. @throws UsageError that names each path, what is wrong with it and the remedy */
export function readConfiguration(file: string): Configuration {
  let text: string;
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new UsageError(`${file} is larger than ${FILE_BYTES_MAX} bytes`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of newer engines quotes the text, which may hold a secret.
    throw new UsageError(`${file} is not JSON${/ at position \d+/.exec(String(error))?.[0] ?? ''}`);
  }
  return checkedConfiguration(value, file);
}

/** @throws UsageError as {@link readConfiguration} */
export function checkedConfiguration(value: unknown, what = 'the configuration'): Configuration {
  const result = configurationSchema.safeParse(value);
  if (result.success) return result.data;
  // What the guard itself says of its options names the remedy too.
  const own = guardIssues(value);
  const others = result.error.issues.filter(({ path }) => own.length === 0 || !Object.hasOwn(guardFields, String(path[0])));
  const lines = [...own, ...others.map(({ path, message }) => `${path.join('.') || '(the whole)'}: ${message}`)];
  throw new UsageError(`${what} cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function guardIssues(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const part = Object.fromEntries(Object.entries(value).filter(([name]) => Object.hasOwn(guardFields, name)));
  try {
    createGuard(part);
    return [];
  } catch (error) {
    return error instanceof InvalidOptionError ? error.issues.map(({ path, message }) => `${path}: ${message}`) : [];
  }
}

/** The guard that a configuration describes. @throws InvalidOptionError, UsageError */
export function guardFrom(configuration: Configuration, secrets: Secrets, store: Store | undefined): Guard<string> {
  const options = Object.fromEntries(Object.keys(guardFields).map((name) => [name, configuration[name as keyof typeof guardFields]]));
  const { ladder } = configuration;
  return createGuard<string>({
    ...(options as object),
    ...(ladder === undefined ? {} : { ladder: ladderOf(ladder, secrets) }),
    ...(store ? { store } : {}),
  });
}
