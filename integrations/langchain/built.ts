/** One that is still being built: field by field, for to spread an object into another takes several times as long. */
export type Built<T> = { -readonly [Field in keyof T]: T[Field] };
