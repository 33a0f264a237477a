import type { Usage } from './usage.ts';

/** A tool call as a model asks for it. */
export interface ToolCallView {
  readonly name: string;
  readonly args: unknown;
  readonly id?: string | undefined;
}

/** A piece of a message that is not text. Sizes are in pixels, seconds or bytes; unknown ones are left out. */
export type MediaView =
  | {
      readonly kind: 'image';
      readonly width?: number;
      readonly height?: number;
      readonly detail?: 'low' | 'high' | 'auto';
      readonly bytes?: number;
    }
  | { readonly kind: 'audio'; readonly seconds?: number; readonly bytes?: number }
  | { readonly kind: 'file'; readonly pages?: number; readonly bytes?: number; readonly text?: string };

/** A message of the host, seen through one pair of glasses. `ref` is the host's own object and is never looked into. */
export interface MessageView {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  readonly media?: readonly MediaView[];
  readonly toolCalls?: readonly ToolCallView[];
  /** For a tool's result: the call that it answers. */
  readonly toolCallId?: string;
  readonly name?: string;
  readonly ref?: unknown;
}

/** How much a model is asked to think: an effort in words, a budget in tokens, or both. */
export interface ReasoningSettings {
  readonly effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh';
  readonly maxTokens?: number;
}

/** A model call that is about to be made. Give `messages`, or `input` where the host has only a text. */
export interface ModelCall {
  readonly kind: 'model';
  readonly model: string;
  /** The provider's id where the host knows it (`openai`, `anthropic`, …): it narrows the price look-up. */
  readonly provider?: string | undefined;
  readonly messages?: readonly MessageView[] | undefined;
  readonly input?: string | undefined;
  /** The cap on the output that the caller itself asked for. Without one the guard supplies a cap. */
  readonly maxOutputTokens?: number | undefined;
  /** The tools' schemas as they go over the wire; they are counted. */
  readonly tools?: readonly unknown[] | undefined;
  /** The schema of a structured answer as it goes over the wire; it is counted. */
  readonly outputSchema?: unknown;
  readonly reasoning?: ReasoningSettings | undefined;
  /** `batch`, `priority`, `flex`, …: it picks the price tier. */
  readonly serviceTier?: string | undefined;
  /** How many answers are asked for at once. Default 1. */
  readonly n?: number | undefined;
  /** Which agent of a tree makes the call, for hand-off detection and reports. */
  readonly agent?: string | undefined;
}

/** A tool call that is about to be made. */
export interface ToolCall {
  readonly kind: 'tool';
  readonly name: string;
  readonly args?: unknown;
  /** The id under which the model asked for it. */
  readonly id?: string | undefined;
  /** What one call of this tool costs, in USD, where the tool itself is billed. Default 0. */
  readonly usd?: number | undefined;
  readonly agent?: string | undefined;
  /** A person approved this very call: a repeat of it is judged afresh. */
  readonly approved?: boolean | undefined;
  /** Hints of the host about this tool, such as MCP's annotations. The guard's own `tools` policy wins over them. */
  readonly hints?: ToolHints | undefined;
}

/** What a tool declares about itself, in MCP's words. */
export interface ToolHints {
  readonly readOnlyHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly destructiveHint?: boolean;
}

/** One metered call, before it is made. */
export type Call = ModelCall | ToolCall;

/** What a finished call gave. `output` is the host's own value and is passed on untouched. */
export interface StepResult {
  readonly output?: unknown;
  /** The text of a model's answer. */
  readonly text?: string;
  /** The model's visible thinking. */
  readonly thinking?: string;
  /** The tool calls that the model asks for: they are the round that follows. */
  readonly toolCalls?: readonly ToolCallView[];
  /** The model that really answered, where it differs from the one asked for. */
  readonly model?: string;
  /** An answer from a cache of the host: it costs nothing. */
  readonly cached?: boolean;
  /** For a tool: the result is an error (the host turned a throw into a message). */
  readonly isError?: boolean;
  /** For a tool: a token of the world's state after it; a change is progress. */
  readonly stateHash?: string;
}

/** A step that is over, as detectors and logs see it. */
export interface StepRecord {
  readonly runId: string;
  readonly parentRunId?: string | undefined;
  readonly agent?: string | undefined;
  /** Number of the step within its run tree, from 0. */
  readonly index: number;
  /** Number of the model call that asked for it: steps with the same round were asked for at once. */
  readonly round: number;
  readonly kind: 'model' | 'tool';
  /** The tool's name, or the model's. */
  readonly name: string;
  readonly args?: unknown;
  /** For a tool its result, for a model its text. */
  readonly output?: unknown;
  readonly isError?: boolean | undefined;
  readonly error?: unknown;
  readonly thinking?: string | undefined;
  readonly toolCalls?: readonly ToolCallView[] | undefined;
  /** What came back to a model's words, where the host knows it: a person's answer is new input, and a repeat after it weighs less. */
  readonly reply?: string | undefined;
  readonly hints?: ToolHints | undefined;
  readonly stateHash?: string | undefined;
  /** The guard itself answered in the tool's place (a call held back): it says nothing of the world, but the call was made again. */
  readonly answeredByGuard?: boolean | undefined;
  /** A person saw this very call and allowed it: a repeat of it is judged afresh from here. */
  readonly approved?: boolean | undefined;
  /**
   * How often the history was compacted before this step. What the agent then reads once more was taken from it, and is no
   * repetition the first time. Default: as at the step before.
   */
  readonly epoch?: number | undefined;
  /** Where the full text is not at hand (recorded runs): a hash of the whole that replaces hashing `args` or `output`. */
  readonly argsHash?: string | undefined;
  readonly outputHash?: string | undefined;
  readonly usage?: Usage | undefined;
  /** Tokens of the step and what it cost, in nano-USD; null where unknown. */
  readonly tokens: number | null;
  readonly nanoUsd: number | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
}
