import { Agent, Runner, tool, type Model, type ModelProvider } from '@openai/agents';
import { createGuard } from 'holdfast';
import { guardModel, guardModelProvider, guardRunner, guardTools } from 'holdfast/openai-agents';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

describe('the doors of OpenAI’s Agents SDK', () => {
  const guard = createGuard({ budgets: { project: { usd: 5, window: 'day' } }, fallback: () => 'Enough.' });
  const search = tool({ name: 'search', description: '', parameters: z.object({ query: z.string() }), execute: ({ query }) => query });

  it('keep the types of tools and of agents', () => {
    expectTypeOf(guardTools([search], guard)).toEqualTypeOf<(typeof search)[]>();
    const agent = new Agent({ name: 'Weather', tools: guardTools([search], guard), outputType: z.object({ rain: z.boolean() }) });
    const runner = guardRunner(new Runner(), guard, { scopes: () => ({ project: 'p' }) });
    expectTypeOf(runner).toEqualTypeOf<Runner>();
    const asked = () => runner.run(agent, 'Rain?');
    expectTypeOf<Awaited<ReturnType<typeof asked>>['finalOutput']>().toEqualTypeOf<{ rain: boolean } | undefined>();
  });

  it('are taken where the SDK takes a model or a provider', () => {
    expectTypeOf(guardModel).returns.toEqualTypeOf<Model>();
    expectTypeOf(guardModelProvider).returns.toEqualTypeOf<ModelProvider>();
  });

  it('take no scopes that cannot be ids', () => {
    // @ts-expect-error -- ids are texts or numbers
    guardRunner(new Runner(), guard, { scopes: () => ({ user: true }) });
  });
});
