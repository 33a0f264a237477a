import { readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { interrupt, MemorySaver } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { createGuard, handoff, type GuardOptions } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel, guardTools, interruptHandoff } from 'holdfast/langchain';
import type { OpenAIScript } from 'holdfast/testing';
import { messagesGraph, searchTool } from './agents.ts';

export interface Agent {
  invoke(input: unknown, config?: object): Promise<Answer>;
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
  streamEvents(input: unknown, config: object): AsyncIterable<unknown>;
}

export interface Answer {
  readonly messages: readonly { readonly text: string; readonly type: string }[];
  readonly __interrupt__?: readonly { readonly id: string; readonly value: Readonly<Record<string, never>> }[];
}

interface DoorParts {
  readonly guard: ReturnType<typeof createGuard>;
  readonly model: ChatOpenAI;
  readonly tools: ReturnType<typeof searchTool>[];
  readonly checkpointer: MemorySaver;
}

/** The doors through which a run can wait for a person, by an interrupt. */
export const waitingDoors = {
  guardMiddleware: ({ guard, model, tools, checkpointer }: DoorParts) =>
    createAgent({ model, tools, checkpointer, middleware: [guardMiddleware(guard)] }) as unknown as Agent,
  'guardAgent(createAgent)': ({ guard, model, tools, checkpointer }: DoorParts) =>
    guardAgent(createAgent({ model, tools, checkpointer }) as unknown as Agent, guard),
  'guardAgent(StateGraph) with guardModel and guardTools': ({ guard, model, tools, checkpointer }: DoorParts) =>
    guardAgent(messagesGraph(guardModel(model, guard), guardTools(tools, guard), { checkpointer }) as unknown as Agent, guard),
} as const;

export type WaitingDoor = keyof typeof waitingDoors;

export interface SceneOptions {
  readonly door: WaitingDoor;
  readonly url: string;
  readonly budgets?: GuardOptions<string>['budgets'];
  readonly ladder?: boolean;
  /** How late it is, in milliseconds after the real time. */
  readonly lateMs?: number;
  /** The tool's argument at which a person is asked by the tool itself. */
  readonly askAt?: string;
  readonly checkpointer?: MemorySaver;
}

/** An agent that searches, under a guard whose ladder ends with a person. */
export function waitingScene({
  door,
  url,
  budgets = {},
  ladder = true,
  lateMs = 0,
  askAt,
  checkpointer = new MemorySaver(),
}: SceneOptions) {
  const clock = {
    now: () => Date.now() + lateMs,
    setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms).unref(),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  const guard = createGuard({
    budgets,
    clock,
    ladder: ladder ? [handoff(interruptHandoff())] : [],
  });
  const searched: string[] = [];
  const search = searchTool((query) => {
    if (query === askAt) return `${query}: ${String(interrupt('May I?'))}`;
    searched.push(query);
    return `about ${query}: nothing`;
  });
  const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: url } });
  return { guard, searched, checkpointer, agent: waitingDoors[door]({ guard, model, tools: [search], checkpointer }) };
}

/** Searches page after page until it is told to stop; a `same` search each time circles. */
export const searcher =
  ({ same = false, times = 99 }: { same?: boolean; times?: number } = {}): OpenAIScript =>
  ({ messages, tools }, turn) => {
    const isTold = messages.some(({ role, text }) => role === 'user' && text.includes('Enough'));
    if (isTold || turn >= times || tools.length === 0) return `It rains, after ${turn} turns.`;
    return { toolCalls: [{ name: 'search', args: { query: same ? 'rain' : `page ${turn}` } }] };
  };

/** What the memory saver holds, as bytes. */
export const keep = ({ storage, writes }: MemorySaver, file: string): void => writeFileSync(file, serialize({ storage, writes }));

export const loaded = (file: string): MemorySaver => Object.assign(new MemorySaver(), deserialize(readFileSync(file)) as object);
