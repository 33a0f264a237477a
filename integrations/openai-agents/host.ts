import type { Guard } from 'holdfast';
import type { AgentInputItem, AgentOutputItem, Model } from '@openai/agents';

/** A guard of whatever scopes and answers. */
export type AnyGuard = Guard<string, unknown>;

/** What a model is called with. */
export type ModelRequest = Parameters<Model['getResponse']>[0];
export type ModelResponse = Awaited<ReturnType<Model['getResponse']>>;
export type StreamEvent = ReturnType<Model['getStreamedResponse']> extends AsyncIterable<infer Event> ? Event : never;
export type Item = AgentInputItem | AgentOutputItem;

export type Fields = Readonly<Record<string, unknown>>;

/** The value as a record; an empty one for anything else. */
export const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** The records in a list; none for anything else. */
export const recordsOf = (value: unknown): Fields[] =>
  Array.isArray(value) ? value.filter((each): each is Fields => typeof each === 'object' && each !== null) : [];

export const textOrNothing = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Lets a promise go on by itself: what fails in it has been told elsewhere. */
export const detached = (promise: PromiseLike<unknown>): void => void promise.then(undefined, () => {});

/** A signal that follows the caller's own and the run's. Clients put listeners on it and leave them there: not on the run's own. */
export const eitherSignal = (own: AbortSignal | undefined, signal: AbortSignal): AbortSignal =>
  AbortSignal.any(own ? [own, signal] : [signal]);
