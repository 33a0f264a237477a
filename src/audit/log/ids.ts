import { createHmac } from 'node:crypto';
import { InvalidOptionError } from '../../core/errors.ts';

/**
 * Makes the id that is written in place of an id. It is asked for the ids of users, sessions, tenants and the scopes of
 * one's own, and for those of runs (scope `run`); features and models keep their names. Must be pure: the same id always
 * gives the same answer.
 */
export type IdWriter = (id: string, scope: string) => string;

/** 96 bits: no two of a hundred million ids are likely to meet. */
const SHOWN_BYTES = 12;
const REMEMBERED = 4_096;

/**
 * Writes ids as keyed hashes (HMAC-SHA-256, the first 96 bits). The same id gives the same hash in the same scope, so that
 * sums by user still work; without the key nobody can tell whose they are, so erasing the key erases the person.
 *
 * @throws InvalidOptionError for a key of less than 16 bytes
 * @example auditLog('audit.jsonl', { ids: hmac(process.env.AUDIT_KEY) })
 */
export function hmac(key: string | Uint8Array): IdWriter {
  if (Buffer.byteLength(key) < 16) {
    const message = 'expected a secret key of at least 16 bytes: a shorter one can be guessed, and the ids with it';
    throw new InvalidOptionError('key of hmac', [{ path: 'key', message, value: undefined }]);
  }
  const known = new Map<string, string>();
  return (id, scope) => {
    const name = `${scope}\0${id}`;
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const hashed = `h_${createHmac('sha256', key).update(name).digest().subarray(0, SHOWN_BYTES).toString('base64url')}`;
    if (known.size >= REMEMBERED) known.clear();
    known.set(name, hashed);
    return hashed;
  };
}

/** Ids whose names are the operator's own words, not a person's. */
const ownWords: ReadonlySet<string> = new Set(['global', 'feature']);
/** The accounts that everybody without an id shares. */
const sharedIds: ReadonlySet<string> = new Set(['default', 'anonymous', '']);

/** Applies a writer where it applies. */
export const writtenId = (write: IdWriter | undefined, id: string, scope: string): string =>
  write === undefined || ownWords.has(scope) || sharedIds.has(id) ? id : write(id, scope);
