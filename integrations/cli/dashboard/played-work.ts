import { setTimeout as pause } from 'node:timers/promises';
import { createGuard, HaltError, type Guard } from 'holdfast';

const people = ['ann', 'ben', 'cid', 'dot', 'eve', 'fay'];
const features = ['chat', 'search', 'document-analysis'];
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

/** Agents that are played, for the page to show: most of them answer, now and then one goes in circles. */
export function playForEver(signal: AbortSignal): { readonly guard: Guard; readonly done: Promise<unknown> } {
  const guard = createGuard({
    budgets: {
      run: { usd: 0.25, steps: 60 },
      user: { usd: 1, window: 'day' },
      feature: { usd: 4, window: 'day' },
      global: { usd: 10, window: 'day' },
    },
  });
  const done = Promise.all(Array.from({ length: 4 }, () => playOne(guard, signal)));
  return { guard, done };
}

async function playOne(guard: Guard, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const feature = pick(features);
    const user = pick(people);
    const run = guard.start({ scopes: { user, feature, session: `s-${user}` }, agent: feature });
    const isLooping = Math.random() < 0.2;
    const turns = isLooping ? 20 : 1 + Math.floor(Math.random() * 5);
    try {
      for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
        await run.step({ kind: 'model', model: pick(['gpt-4o', 'gpt-4o-mini']), input: `turn ${turn}`, maxOutputTokens: 800 }, async () => {
          await waited(200 + Math.random() * 900, signal);
          return {
            output: `thought ${Math.random()}`,
            usage: { inputTokens: 1_500 + turn * 900, outputTokens: 60 + Math.floor(Math.random() * 400) },
          };
        });
        const call = isLooping
          ? { name: 'lookup_order', args: { id: 'A-1042' } }
          : { name: pick(['search_docs', 'read_page']), args: { turn } };
        await run.step({ kind: 'tool', ...call }, async () => {
          await waited(100 + Math.random() * 400, signal);
          return { output: isLooping ? 'error: the order service is down' : `found ${Math.random()}` };
        });
      }
    } catch (error) {
      if (!HaltError.is(error)) throw error;
    } finally {
      await run.end();
    }
    await waited(Math.random() * 2_000, signal);
  }
}

const waited = (ms: number, signal: AbortSignal): Promise<void> => pause(ms, undefined, { signal }).catch(() => undefined);
