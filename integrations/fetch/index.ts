/** A guarded `fetch`, for the `openai` and `@anthropic-ai/sdk` clients and all that speak their protocols. */
export { guardFetch } from './guard-fetch.ts';
export { haltErrorOf } from './refusal.ts';
export type { GuardFetchOptions, ModelRequest } from './options.ts';
