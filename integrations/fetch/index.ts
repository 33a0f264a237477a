/** A guarded `fetch`, for the `openai` and `@anthropic-ai/sdk` clients and all that speak their protocols. */
export { guardFetch } from './guard-fetch.ts';
export { haltErrorOf } from './refusal.ts';
export type { GuardFetchOptions, ModelRequest } from './options.ts';
export { exchangesAt, type AskedExchange, type Exchanges } from './exchanges-at.ts';
export type { Exchange } from './exchange.ts';
export type { OwnAnswer } from './own-answer.ts';
export type { BodyMeter } from './metered-body.ts';
