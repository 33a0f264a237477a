import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGuard, type Guard, type Run } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { gpt } from './support.ts';

const MINUTE = 60_000;
const call = { id: 'call_1', type: 'function', function: { name: 'search', arguments: '{}' } };
const whole = (message: object): Response => Response.json({ id: 'c1', choices: [{ index: 0, message }], usage: { prompt_tokens: 1 } });
const asking = (): Response => whole({ role: 'assistant', tool_calls: [call] });
const answering = (): Response => whole({ role: 'assistant', content: 'Yes.' });
const results = [...gpt.messages, { role: 'assistant', tool_calls: [call] }, { role: 'tool', tool_call_id: 'call_1', content: 'rain' }];

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

interface Play {
  readonly guard: Guard<string, unknown>;
  readonly ended: string[];
  readonly runs: WeakRef<Run>[];
  ask(messages?: readonly object[]): Promise<Response>;
}

/** A provider in process, that answers as it is told. */
function played(answer: (asked: number) => Response): Play {
  const guard = createGuard<string, unknown>({ budgets: { global: { tokens: 1_000_000 } } });
  const ended: string[] = [];
  const runs: WeakRef<Run>[] = [];
  let asked = 0;
  guard.on('run:end', ({ report }) => void ended.push(`${report.used.modelCalls} ${report.used.toolCalls}`));
  const fetch = guardFetch(guard, {
    fetch() {
      const { run } = guard.current()!;
      if (!runs.some((each) => each.deref() === run)) runs.push(new WeakRef(run));
      return Promise.resolve(answer(asked++));
    },
  });
  const ask: Play['ask'] = (messages = gpt.messages) =>
    fetch('http://provider.test/v1/chat/completions', { method: 'POST', body: JSON.stringify({ ...gpt, messages }) });
  return { guard, ended, runs, ask };
}

it('a call whose answer nobody reads is given up after an hour, and its run with it', async () => {
  const { guard, ended, ask } = played(answering);
  await ask();
  await vi.advanceTimersByTimeAsync(59 * MINUTE);
  expect(ended).toEqual([]);
  expect((await guard.read('global')).held.tokens).toBeGreaterThan(0);
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(ended).toEqual(['1 0']);
  const { held, used } = await guard.read('global');
  expect(held.tokens).toBe(0);
  // It was sent, and will be billed.
  expect(used.tokens).toBeGreaterThan(0);
  await guard.close();
});

it('an agent that does not come back with its results is waited for a quarter of an hour', async () => {
  const { guard, ended, ask } = played((asked) => (asked === 1 ? answering() : asking()));
  await (await ask()).text();
  await vi.advanceTimersByTimeAsync(14 * MINUTE);
  await (await ask(results)).text();
  expect(ended).toEqual(['2 1']);
  await (await ask()).text();
  await vi.advanceTimersByTimeAsync(14 * MINUTE);
  expect(ended).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(ended).toEqual(['2 1', '1 0']);
  await (await ask(results)).text();
  await guard.close();
  // It is a run of its own then, which knows nothing of the tools.
  expect(ended).toEqual(['2 1', '1 0', '1 0']);
});

it('a run that is over is forgotten, with all that it has seen', async () => {
  const { guard, ended, runs, ask } = played((asked) => (asked % 2 === 0 ? asking() : answering()));
  for (let agent = 0; agent < 3; agent += 1) {
    await (await ask()).text();
    await (await ask(results)).text();
  }
  expect(ended).toHaveLength(3);
  vi.useRealTimers();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await expect
    .poll(() => {
      collect();
      return runs.filter((run) => run.deref() !== undefined).length;
    })
    .toBe(0);
  expect(runs).toHaveLength(3);
  await guard.close();
});
