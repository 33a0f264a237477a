import { z } from 'zod';
import { UsageError } from '../../usage-error.ts';

/** A secret in a file: the name of the environment variable that holds it, or (for tests) itself. */
export const secret = z
  .union([z.string().min(1), z.strictObject({ env: z.string().min(1) })])
  .describe('a secret: { "env": "NAME" } reads it from the environment');

export type Secret = z.infer<typeof secret>;

/** Looks secrets up. `where` names the option for the message; the secret is never in it. */
export type Secrets = (secret: Secret, where: string) => string;

/** @throws UsageError for a variable that is not set */
export const secretsFrom =
  (env: Readonly<Record<string, string | undefined>>): Secrets =>
  (given, where) => {
    if (typeof given === 'string') return given;
    const value = env[given.env];
    if (value === undefined || value === '') throw new UsageError(`${where}: the environment variable ${given.env} is not set`);
    return value;
  };
