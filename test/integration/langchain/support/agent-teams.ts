import { ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { Annotation, Command, getCurrentTaskInput, messagesStateReducer, Send, StateGraph, MessagesAnnotation } from '@langchain/langgraph';
import type { BaseMessage } from '@langchain/core/messages';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { createAgent, type AgentMiddleware } from 'langchain';
import { z } from 'zod';
import { searchTool } from './agents.ts';

export interface TeamParts {
  /** The model of an agent, by the agent's name. */
  readonly model: (agent: string) => BaseChatModel;
  readonly middleware?: readonly AgentMiddleware[];
  /** Makes a guarded agent of one, where agents are guarded one by one. */
  readonly wrap?: <T extends object>(agent: T) => T;
  readonly options?: object;
}

/** A tool with which an agent passes the whole conversation to another one, as LangGraph's swarm and supervisor packages do it. */
function transferTo(other: string) {
  return tool(
    async (_args, config: { toolCall?: { id?: string } }) => {
      const { messages } = getCurrentTaskInput<{ messages: BaseMessage[] }>();
      const name = `transfer_to_${other}`;
      const done = new ToolMessage({ content: `Transferred to ${other}.`, tool_call_id: config.toolCall?.id ?? '', name });
      return new Command({ goto: other, graph: Command.PARENT, update: { messages: [...messages, done] } });
    },
    { name: `transfer_to_${other}`, description: `Passes the task to ${other}.`, schema: z.object({}) },
  );
}

const agentOf = ({ model, middleware = [], wrap = (agent) => agent }: TeamParts, name: string, others: readonly string[]) =>
  wrap(createAgent({ name, model: model(name), tools: [searchTool(), ...others.map(transferTo)], middleware: [...middleware] }))
    .graph as never;

/** Agents that pass the task among them, without anybody above. */
export const swarm = (parts: TeamParts) =>
  new StateGraph(MessagesAnnotation)
    .addNode('alice', agentOf(parts, 'alice', ['bob']), { ends: ['bob', '__end__'] })
    .addNode('bob', agentOf(parts, 'bob', ['alice']), { ends: ['alice', '__end__'] })
    .addEdge('__start__', 'alice')
    .compile(parts.options ?? {});

/** An agent that passes the task to others, and gets it back from each. */
export const supervised = (parts: TeamParts) =>
  new StateGraph(MessagesAnnotation)
    .addNode('boss', agentOf(parts, 'boss', ['alice', 'bob']), { ends: ['alice', 'bob', '__end__'] })
    .addNode('alice', agentOf(parts, 'alice', []))
    .addNode('bob', agentOf(parts, 'bob', []))
    .addEdge('__start__', 'boss')
    .addEdge('alice', 'boss')
    .addEdge('bob', 'boss')
    .compile(parts.options ?? {});

const Topics = Annotation.Root({
  messages: Annotation<BaseMessage[]>({ reducer: messagesStateReducer, default: () => [] }),
  topics: Annotation<string[]>(),
});

/** One model call for each topic, all at once. */
export function fannedOut(model: BaseChatModel, options: object = {}) {
  return new StateGraph(Topics)
    .addNode('write', async ({ topics: [topic = ''] }) => ({ messages: [await model.invoke(`Write about ${topic}.`)] }))
    .addConditionalEdges('__start__', ({ topics }) => topics.map((topic) => new Send('write', { topics: [topic] })), ['write'])
    .compile(options);
}
