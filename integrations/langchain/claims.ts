import type { AnyGuard } from './any-guard.ts';

/** Which door meters which of LangChain's events, so that two doors that see the same one meter it once. */
export interface Claims {
  /** Whether the event is this door's: it is the first to ask, or has asked before. */
  take(id: string, owner: object): boolean;
  release(id: string, owner: object): void;
}

/** An event whose end never came is forgotten when so many newer ones have come. */
const CLAIMS_MAX = 10_000;

const claimsOf = new WeakMap<AnyGuard, Claims>();

/** The claims on one guard's events. */
export function guardClaims(guard: AnyGuard): Claims {
  const known = claimsOf.get(guard);
  if (known) return known;
  const owners = new Map<string, object>();
  const claims: Claims = {
    take(id, owner) {
      const current = owners.get(id);
      if (current) return current === owner;
      owners.set(id, owner);
      if (owners.size > CLAIMS_MAX) for (const oldest of owners.keys()) return (owners.delete(oldest), true);
      return true;
    },
    release(id, owner) {
      if (owners.get(id) === owner) owners.delete(id);
    },
  };
  claimsOf.set(guard, claims);
  return claims;
}
