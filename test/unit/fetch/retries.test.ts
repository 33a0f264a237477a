import { createGuard, type EndedStepInfo } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { gpt } from './support.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

const answering = (): Response => Response.json({ id: 'c1', choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
const failing = (headers: Record<string, string> = {}): Response => new Response('{}', { status: 500, headers });

/** A provider that gives these answers, and a client that says how often it has tried. */
function played(...answers: Response[]) {
  const guard = createGuard();
  const steps: EndedStepInfo[] = [];
  guard.on('step:end', ({ step }) => void steps.push(step));
  const fetch = guardFetch(guard, { fetch: () => Promise.resolve(answers.shift()!) });
  const attempt = async (count: number): Promise<number> => {
    const response = await fetch('http://provider.test/v1/chat/completions', {
      method: 'POST',
      headers: { 'x-stainless-retry-count': String(count) },
      body: JSON.stringify(gpt),
    });
    // The clients do not read an error after which they try again.
    if (response.ok) await response.text();
    else await response.body?.cancel();
    return response.status;
  };
  return { guard, steps, attempt };
}

it.each([
  ['in seconds', (): object => ({ 'retry-after': '30' })],
  ['in milliseconds', (): object => ({ 'retry-after-ms': '30000', 'retry-after': '1' })],
  ['as a date', (): object => ({ 'retry-after': new Date(Date.now() + 30_000).toUTCString() })],
])('a retry that comes when the provider said, %s, is an attempt of the same call', async (_name, said) => {
  const { guard, steps, attempt } = played(failing(said() as Record<string, string>), answering());
  expect(await attempt(0)).toBe(500);
  await vi.advanceTimersByTimeAsync(29_500);
  expect(await attempt(1)).toBe(200);
  await guard.close();
  expect(steps).toMatchObject([{ outcome: 'ok', attempts: 2 }]);
});

it('a retry that does not come is not waited for any longer than it may take, and is another call then', async () => {
  const { guard, steps, attempt } = played(failing(), answering());
  await attempt(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(steps).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(steps).toMatchObject([{ outcome: 'error' }]);
  await attempt(1);
  await guard.close();
  expect(steps).toMatchObject([{ outcome: 'error' }, { outcome: 'ok', attempts: 1 }]);
});

it('of several calls that are the same, each is given up when its own time has come', async () => {
  const { guard, steps, attempt } = played(failing({ 'retry-after': '50' }), failing(), answering());
  await guard.run(async () => {
    await attempt(0);
    await attempt(0);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(steps).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(46_000);
    await attempt(1);
  });
  await guard.close();
  expect(steps).toMatchObject([
    { outcome: 'error', attempts: 1 },
    { outcome: 'ok', attempts: 2 },
  ]);
});

it('of several calls that are the same, none is waited for for ever', async () => {
  const { guard, steps, attempt } = played(failing({ 'retry-after': '50' }), failing());
  await attempt(0);
  await attempt(0);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(steps).toMatchObject([{ outcome: 'error' }, { outcome: 'error' }]);
  await guard.close();
});
