/** A LangGraph of one's own: one budget for all of its agents, and a person who is asked by an interrupt and answers later. */
import { tool } from '@langchain/core/tools';
import { Command, isInterrupted, MemorySaver, MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard, handoff } from 'holdfast';
import { guardAgent, guardMiddleware, interruptHandoff, type HandoffInterrupt } from 'holdfast/langchain';
import { createAgent } from 'langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({
    budgets: { run: { steps: 6 } },
    ladder: [handoff(interruptHandoff())],
  });
  guard.on('run:end', ({ report }) => say(`one run, ${report.used.modelCalls} model calls, ${report.used.toolCalls} tool calls`));

  const readPage = tool(({ page }) => `Page ${page}: chapter ${page} of the manual.`, {
    name: 'read_page',
    description: 'Reads a page of the manual.',
    schema: z.object({ page: z.number() }),
  });
  const model = new ChatOpenAI({ model: 'gpt-4o-mini' });
  const middleware = [guardMiddleware(guard)];
  const reader = createAgent({ name: 'reader', model, tools: [readPage], middleware });
  const writer = createAgent({ name: 'writer', model, systemPrompt: 'Write a report of what was read.', middleware });

  const graph = new StateGraph(MessagesAnnotation)
    .addNode('reader', reader.graph)
    .addNode('writer', writer.graph)
    .addEdge('__start__', 'reader')
    .addEdge('reader', 'writer')
    .compile({ checkpointer: new MemorySaver() });

  const team = guardAgent(graph, guard);
  const thread = { configurable: { thread_id: 'report-7', user_id: 'u1' } };

  const paused = await team.invoke({ messages: [{ role: 'user', content: 'Write a report on the manual.' }] }, thread);
  if (isInterrupted<HandoffInterrupt>(paused)) say(`asked a person: ${paused.__interrupt__[0]?.value?.reason}`);

  // Later, in this process or in another one with the same checkpointer.
  const answer = { words: 'That is enough. Write the report.', limits: { steps: 20 } };
  const result = await team.invoke(new Command({ resume: answer }), thread);
  say(result.messages.at(-1)?.text);
}
