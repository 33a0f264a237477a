import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, stepCountIs, tool, ToolLoopAgent, wrapLanguageModel, type LanguageModelMiddleware } from 'ai';
import { createGuard } from 'holdfast';
import { guardMiddleware, guardModel, guardTools, whenHalted } from 'holdfast/ai-sdk';
import { describe, expectTypeOf, it } from 'vitest';

describe('the doors of the AI SDK', () => {
  const guard = createGuard({ budgets: { project: { usd: 5, window: 'day' } }, fallback: () => 'Enough.' });
  const openai = createOpenAI({ apiKey: 'none' });
  const search = tool({
    inputSchema: jsonSchema<{ query: string }>({ type: 'object' }),
    execute: ({ query }) => ({ found: query }),
  });
  const browser = tool({ inputSchema: jsonSchema<object>({ type: 'object' }) });

  it('keep the types of tools, with or without a function of their own', () => {
    expectTypeOf(guardTools({ search, browser }, guard)).toEqualTypeOf<{ search: typeof search; browser: typeof browser }>();
  });

  it('are taken by everything in the SDK that takes a model, a middleware or a stop condition', () => {
    const model = guardModel(openai('gpt-4o'), guard);
    expectTypeOf(guardMiddleware(guard)).toEqualTypeOf<LanguageModelMiddleware>();
    wrapLanguageModel({ model: openai('gpt-4o'), middleware: [guardMiddleware(guard, { scopes: { project: 'p' } })] });
    const agent = new ToolLoopAgent({ model, tools: guardTools({ search }, guard), stopWhen: [stepCountIs(9), whenHalted(guard)] });
    expectTypeOf(agent.tools).toEqualTypeOf<{ search: typeof search }>();
    const asked = () => generateText({ model, tools: guardTools({ search }, guard), prompt: '', stopWhen: whenHalted(guard) });
    expectTypeOf<Awaited<ReturnType<typeof asked>>['staticToolResults'][number]['output']>().toEqualTypeOf<{ found: string }>();
  });

  it('take no tools that are none', () => {
    // @ts-expect-error -- a list is LangChain's way
    guardTools([search], guard);
    // @ts-expect-error -- not a model
    guardModel({ name: 'gpt-4o' }, guard);
  });
});
