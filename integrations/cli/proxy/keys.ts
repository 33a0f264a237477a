import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { UsageError } from '../usage-error.ts';
import type { KeyPart } from './configuration/schema.ts';
import type { Secrets } from './configuration/secret.ts';

/** For whom a request works. */
export interface Owner {
  readonly kind: 'scopes';
  readonly scopes: Readonly<Record<string, string>>;
  /** Stands for the caller and the scopes: what belongs to one owner is never another's. */
  readonly owner: string;
  /** The client's own name for its run. */
  readonly run: string | undefined;
}

/** The owner that a caller's request has with these scopes. The user is the key's name where they name none. */
export function scopedBy(name: string, given: Readonly<Record<string, string>>): Owner {
  const scopes = { user: name, ...given };
  return { kind: 'scopes', scopes, owner: JSON.stringify([name, scopes]), run: undefined };
}

/** Who calls. */
export interface Caller {
  /** The name of the key. The key itself is nowhere but in the request. */
  readonly name: string;
  /** Whose budgets it spends. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Whether it may name users, features and sessions. */
  readonly trustIds: boolean;
  /** For whom it works where it names nobody. */
  readonly own: Owner;
}

/** Finds out who calls, by the credential of the request; undefined for nobody who is known. */
export type Authenticate = (headers: IncomingHttpHeaders) => Caller | undefined;

const KEY_LENGTH_MIN = 16;
/** No provider's credential is longer; what is, is not hashed. */
const CREDENTIAL_LENGTH_MAX = 4_096;

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');

/** A new key and what to write into the configuration. */
export function newKey(): { readonly key: string; readonly sha256: string } {
  const key = `hf-${randomBytes(24).toString('base64url')}`;
  return { key, sha256: digestOf(key).toString('hex') };
}

/**
 * Knows the keys by their hashes, and compares with all of them in constant time.
 *
 * @throws UsageError for keys without a hash, guessable ones, and names or keys that come twice
 */
export function authenticateBy(parts: readonly KeyPart[], secrets: Secrets): Authenticate {
  const known = parts.map((part, place) => ({ digest: keyDigest(part, `keys.${place}`, secrets), caller: callerOf(part) }));
  for (const [place, { digest, caller }] of known.entries()) {
    const earlier = known.slice(0, place);
    if (earlier.some((other) => other.caller.name === caller.name))
      throw new UsageError(`keys.${place}: the name "${caller.name}" comes twice`);
    if (earlier.some((other) => other.digest.equals(digest))) throw new UsageError(`keys.${place}: the same key comes twice`);
  }
  return (headers) => {
    let found: Caller | undefined;
    for (const credential of credentialsIn(headers)) {
      const digest = digestOf(credential);
      // To the end, whichever it is: how long it takes says nothing of where it was found.
      for (const { digest: wanted, caller } of known) if (timingSafeEqual(digest, wanted)) found = caller;
    }
    return found;
  };
}

/** Without keys, every credential is a user of its own, known by the beginning of its hash. */
export const authenticateAnyone: Authenticate = (headers) => {
  const credential = credentialsIn(headers)[0];
  const name = credential === undefined ? 'anonymous' : `key-${digestOf(credential).toString('hex').slice(0, 12)}`;
  const scopes = { user: name };
  return { name, scopes, trustIds: false, own: scopedBy(name, scopes) };
};

function keyDigest({ key, sha256 }: KeyPart, where: string, secrets: Secrets): Buffer {
  if ((key === undefined) === (sha256 === undefined)) throw new UsageError(`${where}: give \`sha256\`, or \`key\`, and not both`);
  if (sha256 !== undefined) return Buffer.from(sha256, 'hex');
  const text = secrets(key!, `${where}.key`);
  if (text.length < KEY_LENGTH_MIN) throw new UsageError(`${where}.key: a key of less than ${KEY_LENGTH_MIN} characters can be guessed`);
  return digestOf(text);
}

function callerOf({ name, scopes = {}, trustIds = false }: KeyPart): Caller {
  const ids = Object.fromEntries(Object.entries(scopes).map(([scope, id]) => [scope, String(id)]));
  return { name, scopes: ids, trustIds, own: scopedBy(name, ids) };
}

/** A request's credentials: OpenAI's clients send a bearer token, Anthropic's `x-api-key`. */
function credentialsIn(headers: IncomingHttpHeaders): string[] {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const apiKey = headers['x-api-key'];
  return [bearer, apiKey].filter((text): text is string => typeof text === 'string' && text !== '' && text.length <= CREDENTIAL_LENGTH_MAX);
}
