import type { Guard } from 'holdfast';

/** A guard of whatever scopes and answers. */
export type AnyGuard = Guard<string, unknown>;
