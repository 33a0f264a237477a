import { createAgent } from 'langchain';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { classicExecutor, hear, messagesGraph, question, searchingModel, searchTool } from './support/agents.ts';

/** The ways to put a guard to an agent, each as a part of how the agent is built and called. */
interface Door {
  readonly wraps?: boolean;
  readonly surrounds?: boolean;
  readonly handles?: boolean;
  readonly middleware?: boolean;
  readonly models?: boolean;
  readonly tools?: boolean;
}

const doors: Record<string, Door> = {
  guardAgent: { wraps: true },
  'guard.run': { surrounds: true },
  GuardCallbackHandler: { handles: true },
  guardMiddleware: { middleware: true },
  guardModel: { models: true },
  guardTools: { tools: true },
};

type AnyGuard = Guard<never, unknown>;
interface Invocable {
  invoke(input: unknown, config?: object): Promise<unknown>;
}

function builtWith(
  guard: AnyGuard,
  door: Door,
  host: 'createAgent' | 'StateGraph' | 'AgentExecutor',
): (input: unknown) => Promise<unknown> {
  const model = door.models ? guardModel(searchingModel(), guard) : searchingModel();
  const tools = door.tools ? guardTools([searchTool()], guard) : [searchTool()];
  const middleware = door.middleware ? [guardMiddleware(guard)] : [];
  const made = {
    createAgent: () => createAgent({ model, tools, middleware }) as unknown as Invocable,
    StateGraph: () => messagesGraph(model, tools) as unknown as Invocable,
    AgentExecutor: () => classicExecutor(model, tools) as unknown as Invocable,
  }[host]();
  const agent = door.wraps ? guardAgent(made, guard) : made;
  const config = door.handles ? { callbacks: [new GuardCallbackHandler(guard)] } : {};
  const call = (input: unknown): Promise<unknown> => agent.invoke(input, config);
  return door.surrounds ? (input) => guard.run(() => call(input)) : call;
}

const inputs = { createAgent: question, StateGraph: question, AgentExecutor: { input: 'Will it rain?' } };
const names = Object.keys(doors);
const pairs = names.flatMap((first, place) => names.slice(place).map((second) => [first, second] as const));
/** A middleware belongs to createAgent; a model or a tool alone has no run that spans the call. */
const fits = ([first, second]: readonly [string, string], host: string): boolean => {
  const both: Door = { ...doors[first], ...doors[second] };
  const spans = both.wraps || both.surrounds || both.handles || both.middleware;
  return Boolean(spans) && (host === 'createAgent' || !both.middleware);
};
const cases = (['createAgent', 'StateGraph', 'AgentExecutor'] as const).flatMap((host) =>
  pairs.filter((pair) => fits(pair, host)).map(([first, second]) => ({ host, first, second })),
);

describe('any two doors meter a call once', () => {
  it.each(cases)('$host: $first and $second', async ({ host, first, second }) => {
    const guard = createGuard({ budgets: { run: { tokens: 100_000 } } });
    const heard = hear(guard);
    await builtWith(guard, { ...doors[first], ...doors[second] }, host)(inputs[host]);
    await guard.close();
    const { used, estimatedSteps } = heard.reports[0] ?? {};
    expect(heard.starts).toHaveLength(1);
    // With `guard.run` alone nothing is metered but by the doors inside.
    const both: Door = { ...doors[first], ...doors[second] };
    const seesModels = both.wraps || both.handles || both.middleware || both.models;
    const seesTools = both.wraps || both.handles || both.middleware || both.tools;
    expect(used).toMatchObject({ modelCalls: seesModels ? 3 : 0, toolCalls: seesTools ? 4 : 0, tokens: seesModels ? 45 : 0 });
    expect(estimatedSteps).toBe(0);
    expect(heard.steps.every(({ attempts }) => attempts === 1)).toBe(true);
    expect(heard.problems).toEqual([]);
  });

  it.each(cases)('$host: $first and $second hold a budget for both', async ({ host, first, second }) => {
    const both: Door = { ...doors[first], ...doors[second] };
    if (!(both.wraps || both.handles || both.middleware || both.models)) return;
    const guard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    const heard = hear(guard);
    await expect(builtWith(guard, both, host)(inputs[host])).rejects.toThrow('run budget exceeded: modelCalls 2 used');
    await guard.close();
    expect(heard.halts).toEqual(['budget']);
    expect(heard.reports[0]?.used.modelCalls).toBe(2);
  });
});

it('two guards at once each meter every call', async () => {
  const [first, second] = [createGuard(), createGuard()];
  const [heardFirst, heardSecond] = [hear(first), hear(second)];
  const inner = createAgent({ model: searchingModel(), tools: [searchTool()], middleware: [guardMiddleware(first)] });
  await guardAgent(inner, second).invoke(question, { callbacks: [new GuardCallbackHandler(first)] });
  await Promise.all([first.close(), second.close()]);
  for (const { reports } of [heardFirst, heardSecond])
    expect(reports.map(({ used }) => used)).toMatchObject([{ modelCalls: 3, toolCalls: 4, tokens: 45 }]);
});

it('the same handler twice meters once, and one handler serves many runs at once', async () => {
  const guard = createGuard();
  const heard = hear(guard);
  const handler = new GuardCallbackHandler(guard);
  const agents = Array.from({ length: 5 }, () => createAgent({ model: searchingModel(), tools: [searchTool()] }));
  await Promise.all(agents.map((agent) => agent.invoke(question, { callbacks: [handler, handler, new GuardCallbackHandler(guard)] })));
  expect(heard.reports.map(({ used }) => [used.modelCalls, used.toolCalls])).toEqual(Array.from({ length: 5 }, () => [3, 4]));
});
