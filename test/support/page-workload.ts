import type { Guard } from 'holdfast';

const usage = (inputTokens: number, outputTokens: number) => ({ usage: { inputTokens, outputTokens } });

/** A run that answers after some steps; resolves when it is over. */
export async function answeringRun(guard: Guard, scopes: Record<string, string>, steps: number): Promise<void> {
  const run = guard.start({ scopes, agent: scopes['feature'] });
  for (let step = 0; step < steps; step += 1) {
    await run.step({ kind: 'model', model: 'gpt-4o', input: `question ${step}`, maxOutputTokens: 600 }, async () => ({
      output: `answer ${step}`,
      ...usage(1_200 + 600 * step, 180),
    }));
    await run.step({ kind: 'tool', name: 'search_docs', args: { step } }, async () => ({ output: `found ${step}` }));
  }
  await run.end();
}

/** A run that goes in circles until it is halted. */
export async function loopingRun(guard: Guard, scopes: Record<string, string>): Promise<string> {
  const run = guard.start({ scopes, agent: 'support' });
  try {
    for (let step = 0; ; step += 1) {
      await run.step({ kind: 'model', model: 'gpt-4o', input: 'where is my order', maxOutputTokens: 600 }, async () => ({
        output: `I will look again (${step})`,
        ...usage(1_500 + 250 * step, 90),
      }));
      await run.step({ kind: 'tool', name: 'lookup_order', args: { id: 'A-1042' } }, async () => ({
        output: 'error: the order service is down',
      }));
      await run.step({ kind: 'tool', name: 'refresh_session', args: {} }, async () => ({ output: 'error: unavailable' }));
    }
  } catch {
    // It was halted: that is what it is for.
  }
  await run.end();
  return run.id;
}
