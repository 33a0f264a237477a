import type { Call, ReasoningSettings } from './step.ts';

/**
 * How the guard allows a step to be done: the call, perhaps with edits, or an answer given instead.
 * With an answer the work is not run.
 */
export type Offer =
  | {
      readonly kind: 'call';
      readonly call: Call;
      readonly edits: CallEdits;
      readonly rungs: readonly string[];
      /** The call ends the run: its answer is the last one, and tool calls in it are to be taken out. */
      readonly isClosing?: boolean;
    }
  | {
      readonly kind: 'answer';
      readonly output: unknown;
      /** The rung that gave it. */
      readonly from: string;
      /** A sentence to put below the output where that is a text, as `CallEdits.note` is put below a tool's result. */
      readonly note?: string;
      /** The answer ends the run. */
      readonly isClosing?: boolean;
    };

/** What to change in a call before it is made. An absent field leaves that part as it is. */
export interface CallEdits {
  /** Another model: its name, or the host's own instance under `instance`; `provider` where the price depends on it. */
  readonly model?: { readonly name: string; readonly instance?: unknown; readonly provider?: string };
  /** The output cap to send to the provider. */
  readonly maxOutputTokens?: number;
  readonly reasoning?: ReasoningSettings;
  /** Names of the tools that stay available; an empty list takes all of them away. */
  readonly tools?: readonly string[];
  /** The new history in order, told against the old one. An old message that is not named is dropped. */
  readonly messages?: readonly MessageEdit[];
  /** For a tool call: a note to append to its result. */
  readonly note?: string;
}

/** What a door can do to a call: change one of its parts, or give an answer in its place. */
export type EditKind = keyof CallEdits | 'answer';

/** All of it. */
export const editKinds = [
  'model',
  'maxOutputTokens',
  'reasoning',
  'tools',
  'messages',
  'note',
  'answer',
] as const satisfies readonly EditKind[];

/** One message of an edited history. Indexes count the messages of the call that is being edited, from 0. */
export type MessageEdit =
  | { readonly kind: 'keep'; readonly index: number }
  | { readonly kind: 'replace'; readonly index: number; readonly text: string }
  | { readonly kind: 'insert'; readonly role: 'system' | 'user' | 'assistant'; readonly text: string };
