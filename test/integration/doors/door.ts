import type { Guard, HaltError } from 'holdfast';
import type { OpenAIScript, OpenAIServer } from 'holdfast/testing';

export type AnyGuard = Guard<never, unknown>;

/** What every door is seen to do. The columns of the table in `docs/doors.md`, in their order. */
export const sceneNames = [
  'budget',
  'loop',
  'degrade',
  'wrapUp',
  'handoff',
  'usage',
  'error',
  'abort',
  'leave',
  'disconnect',
  'retry',
  'same',
] as const;

export type SceneName = (typeof sceneNames)[number];

/**
 * One way of a host's to put a guard to an agent. The scenes open it against the local server, play a script, and look at
 * what the guard booked and at what came over the wire.
 */
export interface Door {
  /** The first cell of its row in `docs/doors.md`. */
  readonly name: string;
  /** Each scene: true, or why the host does not allow it, in the words of its cell in `docs/doors.md`. */
  readonly allows: Readonly<Record<SceneName, true | string>>;
  /**
   * How the caller of a run without a fallback learns of its halt: by the very error, by an error that has it as its cause,
   * by an ending that is in order, or by something that the door checks itself.
   */
  readonly tellsHalt: 'instance' | 'cause' | 'ending' | ((told: Told, halt: HaltError) => void);
  /** Default: OpenAI's. A cheaper one is put in the place of the other. */
  readonly models?: { readonly usual: string; readonly cheaper: string };
  /** Fields of the body that the door adds for the meter's sake, of which the caller sees nothing. */
  readonly adds?: readonly string[];
  readonly open: (parts: DoorParts) => DoorAgent | Promise<DoorAgent>;
}

/** What a door builds its agent from. */
export interface DoorParts {
  /** Undefined: the same agent, without a guard. */
  readonly guard: AnyGuard | undefined;
  readonly server: OpenAIServer;
  readonly model: string;
  /** The agent's one tool, `search({ query })`. */
  readonly search: (query: string) => string;
  /** How often the host's client tries again by itself. */
  readonly maxRetries: number;
}

/** An agent that is ready to be asked. */
export interface DoorAgent {
  /**
   * Asks one question in a run of its own, and lets the agent work until it answers. Rejects as the host does. With
   * `streams` the pieces of texts are collected as they come, and after `leaveAfter` of them the stream is left.
   */
  ask(question: string, options: AskOptions): Promise<Asked>;
  close?(): Promise<void>;
}

export interface AskOptions {
  readonly streams: boolean;
  readonly signal?: AbortSignal;
  readonly leaveAfter?: number;
}

export interface Asked {
  /** The agent's last words; what had come of them where the stream was left. */
  readonly text: string;
  readonly pieces: readonly string[];
}

/** What came of a question. */
export type Told = { readonly answer: Asked } | { readonly error: unknown };

/** All scenes, for doors that allow everything. */
export const allowsAll = Object.fromEntries(sceneNames.map((name) => [name, true])) as Record<SceneName, true>;

export const QUESTION = 'Will it rain?';
export const ANSWER = 'It will rain in the afternoon, and all night.';

/** Searches some times, or for as long as it has tools, and answers then. */
export const searching =
  (times: number, query = (turn: number): string => `page ${'abcdefghijklmnopqrstuvwxyz'[turn % 26]} of the weather`): OpenAIScript =>
  (request, turn) =>
    turn < times && request.tools.length > 0
      ? { toolCalls: [{ name: 'search', args: { query: query(turn) } }], cachedInputTokens: Math.min(turn, 5) }
      : { text: ANSWER, cachedInputTokens: 1 };

export const modelsOf = ({ models = { usual: 'gpt-4o', cheaper: 'gpt-4o-mini' } }: Door): NonNullable<Door['models']> => models;
