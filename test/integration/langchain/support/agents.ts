import { AgentExecutor, createToolCallingAgent } from '@langchain/classic/agents';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { tool, type StructuredToolInterface } from '@langchain/core/tools';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ToolNode, toolsCondition } from '@langchain/langgraph/prebuilt';
import type { EndedStepInfo, Guard, RunReport } from 'holdfast';
import { z } from 'zod';
import { ScriptedChatModel, type Script } from './scripted-chat-model.ts';

/** A tool that answers what it was asked, and counts. */
export const searchTool = (run: (query: string) => string | Promise<string> = (query) => `found ${query}`): StructuredToolInterface =>
  tool(({ query }) => run(query), { name: 'search', description: 'Searches.', schema: z.object({ query: z.string() }) });

/** Two parallel searches in each of the first turns, then an answer. */
export const searching =
  (turns: number): Script =>
  (turn) =>
    turn < turns ? { calls: ['a', 'b'].map((part) => ({ name: 'search', args: { query: `${turn}${part}` } })) } : { text: 'It will rain.' };

export const searchingModel = (turns = 2): ScriptedChatModel => new ScriptedChatModel(searching(turns));

export const question = { messages: [{ role: 'user' as const, content: 'Will it rain?' }] };

/** A graph of one's own, as LangGraph's handbook builds it. */
export function messagesGraph(model: BaseChatModel, tools: StructuredToolInterface[], options: object = {}) {
  const bound = model.bindTools?.(tools) ?? model;
  return new StateGraph(MessagesAnnotation)
    .addNode('agent', async (state) => ({ messages: [await bound.invoke(state.messages)] }))
    .addNode('tools', new ToolNode(tools))
    .addEdge('__start__', 'agent')
    .addConditionalEdges('agent', toolsCondition)
    .addEdge('tools', 'agent')
    .compile(options);
}

export function classicExecutor(model: BaseChatModel, tools: StructuredToolInterface[]): AgentExecutor {
  const prompt = ChatPromptTemplate.fromMessages([
    ['human', '{input}'],
    ['placeholder', '{agent_scratchpad}'],
  ]);
  return new AgentExecutor({ agent: createToolCallingAgent({ llm: model, tools, prompt }), tools, maxIterations: 50 });
}

/** What a guard told of its runs. */
export interface Heard {
  readonly starts: string[];
  readonly reports: RunReport[];
  readonly halts: string[];
  readonly steps: EndedStepInfo[];
  /** Failures of hooks and contradictions in usage: an undisturbed run has none. */
  readonly problems: unknown[];
}

export function hear<S extends string>(guard: Pick<Guard<S, unknown>, 'on'>): Heard {
  const heard: Heard = { starts: [], reports: [], halts: [], steps: [], problems: [] };
  guard.on('run:start', ({ run }) => void heard.starts.push(run.id));
  guard.on('run:end', ({ report }) => void heard.reports.push(report));
  guard.on('run:halt', ({ halt }) => void heard.halts.push(halt.cause));
  guard.on('step:end', ({ step }) => void heard.steps.push(step));
  guard.on('hook:error', (event) => void heard.problems.push(event));
  guard.on('usage:invalid', (event) => void heard.problems.push(event));
  return heard;
}
