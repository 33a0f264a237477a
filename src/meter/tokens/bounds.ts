/**
 * The longest entry of o200k_base and of cl100k_base has 128 bytes (checked by a test over the ranks), and every UTF-16 unit
 * gives at least one byte. So no text has fewer tokens than this.
 */
export const LONGEST_ENTRY_BYTES = 128;

/** A UTF-16 unit gives at most three bytes of UTF-8, and a token of a byte-level vocabulary has at least one byte. */
const MOST_BYTES_PER_UNIT = 3;

/** The fewest tokens that a text can have. Sound for o200k_base and cl100k_base; looks at nothing but the length. */
export const fewestTokens = (text: string): number => Math.ceil(text.length / LONGEST_ENTRY_BYTES);

/** The most tokens that so many UTF-16 units can have. Sound for every byte-level vocabulary; looks at nothing but the length. */
export const mostTokensOf = (units: number): number => units * MOST_BYTES_PER_UNIT;
