import { HaltError, type Guard, type Run } from 'holdfast';

/** A small generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const models = ['gpt-4o', 'gpt-4o-mini', 'claude-3-5-sonnet-20241022'];
const features = ['chat', 'search', 'document-analysis'];

/** Runs of every kind: that answer, fail, are refused, go in circles, lose a step in the middle, work in runs inside them. */
export async function seededWorkload(guard: Guard, { seed, runs }: { readonly seed: number; readonly runs: number }): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  const modelStep = (run: Run): Promise<unknown> => {
    const usage = { inputTokens: Math.floor(random() * 3_000), outputTokens: Math.floor(random() * 500) };
    const fails = random() < 0.05;
    const reported = random() < 0.9 ? { usage } : {};
    return run.step(
      { kind: 'model', model: pick(models), input: `question ${Math.floor(random() * 20)} of somebody`, maxOutputTokens: 1_000 },
      async () => {
        if (fails) throw Object.assign(new Error('the provider is down'), { status: 500 });
        return { output: `answer ${random()}`, ...reported };
      },
    );
  };
  const toolStep = (run: Run, isSame: boolean): Promise<unknown> =>
    run.step({ kind: 'tool', name: pick(['search', 'read']), args: isSame ? {} : { n: random() }, usd: 0.001 }, async () => ({
      output: isSame ? 'nothing' : `found ${random()}`,
    }));

  async function work(run: Run, depth: number): Promise<void> {
    const loops = random() < 0.15;
    const steps = loops ? 20 : 1 + Math.floor(random() * 5);
    for (let step = 0; step < steps; step += 1) {
      await modelStep(run).catch(rethrowHalts);
      if (loops) await run.step({ kind: 'tool', name: 'lookup', args: { id: 7 } }, async () => ({ output: 'the service is down' }));
      else await toolStep(run, false);
      if (depth === 0 && random() < 0.1) await guard.run({ parent: run, agent: 'helper' }, (inner) => work(inner, 1));
    }
    // A step that is never ended: its run ends first, and it is booked as it stands.
    if (random() < 0.1) await run.begin({ kind: 'model', model: 'gpt-4o', input: 'lost', maxOutputTokens: 100 });
    if (random() < 0.05) run.halt('enough');
  }

  for (let index = 0; index < runs; index += 1) {
    const scopes = {
      tenant: pick(['acme', 'globex']),
      user: `user-${Math.floor(random() * 8)}`,
      feature: pick(features),
      session: `s-${index % 10}`,
    };
    const run = guard.start({ scopes });
    try {
      await work(run, 0);
    } catch (error) {
      rethrowOthers(error);
    } finally {
      await run.end();
    }
  }
}

function rethrowHalts(error: unknown): void {
  if (HaltError.is(error)) throw error;
}

function rethrowOthers(error: unknown): void {
  if (!HaltError.is(error)) throw error;
}
