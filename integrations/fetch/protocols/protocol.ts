import type { CallEdits, EditKind, ModelCall, StepResult, StreamChannel, UsageReport } from 'holdfast';
import type { Json } from '../json.ts';

/** A tool's result as it comes in a request. */
export interface ToolOutcome {
  readonly id: string;
  readonly output: unknown;
  readonly isError: boolean;
}

/** A request as the guard sees it. */
export interface ReadRequest {
  readonly call: ModelCall;
  readonly streams: boolean;
  /** The tools' results with which the conversation ends: what was done since the model last spoke. */
  readonly results: readonly ToolOutcome[];
  /** The answer that this request goes on from, where the provider keeps the conversation. */
  readonly previousId: string | undefined;
  /** What can be changed in it. */
  readonly canEdit: readonly EditKind[];
}

/** What came of a call. */
export interface Finished {
  readonly result: StepResult;
  readonly usage: UsageReport | undefined;
  /** The provider's id of the answer. */
  readonly id: string | undefined;
}

/** What one event of a stream says. */
export interface EventNews {
  readonly deltas?: readonly { readonly text: string; readonly channel: StreamChannel }[];
  /** The answer is complete. */
  readonly isLast?: boolean;
  /** The provider says that it failed. */
  readonly error?: string;
  /** The event is about a tool call, and about nothing else. */
  readonly isAboutTools?: boolean;
  /** The event, or a part of it, is there only because the guard asked for usage. */
  readonly onlyUsage?: 'all' | 'field';
}

/** Reads a stream event by event. */
export interface StreamReader {
  take(data: unknown): EventNews;
  /** What is known when the stream is over. */
  finished(): Finished;
  /** The events that end the stream in order although it is cut here. */
  tail(): string;
}

/** What an answer of the guard's is made from. */
export interface GivenAnswer {
  readonly text: string;
  readonly model: string;
  readonly id: string;
  readonly createdAt: number;
}

/** One way of speaking to models over HTTP. */
export interface Protocol {
  readonly read: (body: Json, url: URL) => ReadRequest;
  /** The body with the guard's edits; what they do not touch stays as it is. */
  readonly edited: (body: Json, request: ReadRequest, edits: CallEdits, url: URL) => Json;
  /** The body that makes a stream report its usage, where it would not. */
  readonly withUsage?: (body: Json) => Json | undefined;
  readonly finished: (response: Json) => Finished;
  readonly reader: () => StreamReader;
  /** A whole answer of the guard's. */
  readonly answer: (given: GivenAnswer, body: Json) => Json;
  /** The same as a stream. */
  readonly answerStream: (given: GivenAnswer, body: Json) => string;
  /** A whole answer without the tool calls in it. */
  readonly withoutTools: (response: Json) => Json;
  /** An event of a stream as it is when no tools are asked for. */
  readonly eventWithoutTools: (event: string) => string;
  /** An error as the provider would send it; `facts` are put beside its message. */
  readonly error: (status: number, code: string, message: string, facts: Json) => Json;
}

export const event = (data: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
