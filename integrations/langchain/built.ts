/** One that is still being built: field by field, for a chain of spreads is slow, and one is built for each message and call. */
export type Built<T> = { -readonly [Field in keyof T]: T[Field] };
