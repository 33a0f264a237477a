/** AgentExecutor of LangChain classic: with guardModel and guardTools its calls can be changed, not only stopped. */
import { AgentExecutor, createToolCallingAgent } from '@langchain/classic/agents';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard, HaltError } from 'holdfast';
import { guardAgent, guardModel, guardTools } from 'holdfast/langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { run: { usd: 0.01, toolCalls: 3 } } });

  const listFiles = tool(({ folder }) => `${folder}: 1 file, and more in ${folder}/sub`, {
    name: 'list_files',
    description: 'Lists a folder.',
    schema: z.object({ folder: z.string() }),
  });
  const tools = guardTools([listFiles], guard);
  const llm = guardModel(new ChatOpenAI({ model: 'gpt-4o-mini' }), guard);
  const prompt = ChatPromptTemplate.fromMessages([
    ['human', '{input}'],
    ['placeholder', '{agent_scratchpad}'],
  ]);
  const executor = new AgentExecutor({ agent: createToolCallingAgent({ llm, tools, prompt }), tools, maxIterations: 100 });

  const agent = guardAgent(executor, guard);
  try {
    await agent.invoke({ input: 'List everything' });
  } catch (error) {
    if (!HaltError.is(error)) throw error;
    say(error.message);
    say(`after ${error.report.used.steps} steps, tools: ${Object.keys(error.report.tools).join(', ')}`);
  }
}
