import type { RunnableConfig } from '@langchain/core/runnables';
import { IterableReadableStream } from '@langchain/core/utils/stream';
import { openCall, type AgentCall, type GuardedAgent } from './agent-call.ts';
import { detached } from './detached.ts';
import { relayed } from './agent-streams.ts';

type Method = (...args: unknown[]) => unknown;

/** `streamEvents` in each of its versions. */
export function guardedEvents(agent: GuardedAgent, input: unknown, config: RunnableConfig | undefined, more: unknown): unknown {
  const open = (call: AgentCall): unknown =>
    (agent.target as { streamEvents: Method }).streamEvents(call.input, call.config, ...(more === undefined ? [] : [more]));
  const { version } = (config ?? {}) as { version?: unknown };
  return version === 'v3'
    ? runStream(agent, input, config, open)
    : IterableReadableStream.fromAsyncGenerator(events(agent, input, config, open));
}

async function* events(
  agent: GuardedAgent,
  input: unknown,
  config: RunnableConfig | undefined,
  open: (call: AgentCall) => unknown,
): AsyncGenerator<unknown> {
  const call = await openCall(agent, input, config);
  const ended = (output: unknown): unknown => ({
    event: 'on_chain_end',
    name: agent.name,
    run_id: call.run.id,
    tags: [],
    metadata: {},
    data: { output: agent.kind.answer(output, call.input) },
  });
  const asEvents: GuardedAgent = { ...agent, kind: { ...agent.kind, pieces: (output) => [ended(output)] } };
  yield* relayed(asEvents, call, config, (opened) => open(opened) as AsyncIterable<unknown>);
}

/** LangGraph's third version gives an object with many views of one run; the run ends with its output. */
async function runStream(
  agent: GuardedAgent,
  input: unknown,
  config: RunnableConfig | undefined,
  open: (call: AgentCall) => unknown,
): Promise<unknown> {
  const call = await openCall(agent, input, config);
  try {
    const stream = await call.within(() => open(call));
    const { output } = stream as { output?: PromiseLike<unknown> };
    if (output)
      detached(
        Promise.resolve(output)
          .then(call.saw, () => {})
          .then(call.close),
      );
    return stream;
  } catch (error) {
    await call.close();
    const outcome = await call.failed(error);
    throw 'error' in outcome ? outcome.error : error;
  }
}
