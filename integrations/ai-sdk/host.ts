import type { LanguageModelMiddleware } from 'ai';
import type { Guard } from 'holdfast';

/** A guard of whatever scopes and answers. */
export type AnyGuard = Guard<string, unknown>;

type WrapGenerate = NonNullable<LanguageModelMiddleware['wrapGenerate']>;
type WrapStream = NonNullable<LanguageModelMiddleware['wrapStream']>;

/** A model as the SDK's providers make it. The SDK re-exports these types in pieces only. */
export type HostModel = Parameters<WrapGenerate>[0]['model'];
/** What a model is called with. */
export type CallParams = Parameters<WrapGenerate>[0]['params'];
export type GenerateResult = Awaited<ReturnType<WrapGenerate>>;
export type StreamResult = Awaited<ReturnType<WrapStream>>;
export type StreamPart = StreamResult['stream'] extends ReadableStream<infer Part> ? Part : never;
export type Content = GenerateResult['content'][number];
export type Prompt = CallParams['prompt'];
export type PromptMessage = Prompt[number];

type Fields = Readonly<Record<string, unknown>>;

/** The value as a record; an empty one for anything else. */
export const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** The records in a list; none for anything else. */
export const recordsOf = (value: unknown): Fields[] =>
  Array.isArray(value) ? value.filter((each): each is Fields => typeof each === 'object' && each !== null) : [];

/** Lets a promise go on by itself: what fails in it has been told elsewhere. */
export const detached = (promise: PromiseLike<unknown>): void => void promise.then(undefined, () => {});
