import type { RunnableConfig } from '@langchain/core/runnables';
import { detached } from './detached.ts';
import { openCall, type AgentCall, type GuardedAgent } from './agent-call.ts';

/** A consumer that leaves a stream alone for so long, while nothing is done in its run, has gone. */
const IDLE_MAX_MS = 15 * 60_000;

/** How a stream is opened in the run's context. */
type Open = (call: AgentCall) => AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>;

/** A stream of a guarded agent, that opens its call when it is first read. */
export async function* guardedStream(
  agent: GuardedAgent,
  input: unknown,
  config: RunnableConfig | undefined,
  open: Open,
): AsyncGenerator<unknown> {
  const call = await openCall(agent, input, config);
  yield* relayed(agent, call, config, open);
}

/** Passes a stream on. Each step of it runs in the run's context; the run ends with it, or when the consumer leaves. */
export async function* relayed(
  agent: GuardedAgent,
  call: AgentCall,
  config: RunnableConfig | undefined,
  open: Open,
): AsyncGenerator<unknown> {
  let inner: AsyncIterator<unknown> | undefined;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => void (timer = setTimeout(giveUpIdle, IDLE_MAX_MS).unref());
  // An agent may be at work although nobody reads: what it does after its run's end would not be metered.
  const giveUpIdle = (): void => (call.isAtWork() ? wait() : detached(call.close()));
  try {
    const stream = await call.within(() => open(call));
    const reading = (inner = call.within(() => stream[Symbol.asyncIterator]()));
    for (;;) {
      const next = await call.within(() => reading.next());
      if (next.done) break;
      call.saw(next.value);
      wait();
      yield next.value;
      clearTimeout(timer);
    }
    isOver = true;
    const swallowed = call.ended();
    if (swallowed) throw swallowed;
  } catch (error) {
    isOver = true;
    const outcome = await call.failed(error);
    if ('error' in outcome) throw outcome.error;
    yield* agent.kind.pieces(outcome.output, call.input, config);
  } finally {
    clearTimeout(timer);
    if (!isOver) await call.within(async () => inner?.return?.());
    await call.close();
  }
}
