/** An argument that cannot be used; the message is for people. */
export class UsageError extends Error {}
