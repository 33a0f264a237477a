import type { Clock, Run, UsageReport } from 'holdfast';
import type { Random } from './random.ts';
import { modelCall, toolCall, usage } from './guards.ts';

/** What an agent may be like. Most are decent. */
const characters = ['decent', 'decent', 'decent', 'loops', 'stalls', 'crashes', 'lies', 'clumsy'] as const;

/** An agent as the world has them: it works in turns of one model call and some tools, until it is done or stopped. */
export async function simulatedAgent(run: Run, random: Random, clock: Clock): Promise<void> {
  const character = random.pick(characters);
  const sleep = (ms: number): Promise<void> => new Promise((wake) => void clock.setTimeout(wake, ms));
  const turns = random.between(1, 25);
  for (let turn = 0; turn < turns; turn += 1) {
    const step = await run.begin(modelCall({ input: `turn ${turn}`, maxOutputTokens: random.between(20, 400) }), {
      canEdit: random.chance(0.5),
    });
    await sleep(random.between(10, character === 'stalls' ? 200_000 : 3_000));
    if (character === 'crashes' && random.chance(0.2)) return;
    if (random.chance(0.3)) await step.stream(`${random.next()} `.repeat(random.between(1, 30)));
    if (character === 'clumsy' && random.chance(0.3)) await step.fail(clumsyError(random));
    else await step.end({ text: `said ${random.next()}` }, character === 'lies' ? lie(random) : truth(random));
    if (character === 'clumsy') await step.end({}, usage(1_000_000, 1_000_000));
    for (let tool = random.between(0, 2); tool > 0; tool -= 1) {
      const args = character === 'loops' ? { q: 'the same' } : { q: random.next() };
      await run
        .step(toolCall({ args, usd: 0.000_01 }), async () => {
          await sleep(random.between(1, 500));
          if (random.chance(0.1)) throw new Error('tool failed');
          return { output: character === 'loops' ? 'nothing' : `found ${random.next()}` };
        })
        .catch((error: unknown) => {
          if (run.halted) throw error;
        });
    }
  }
}

const truth = (random: Random): UsageReport => usage(random.between(1, 100), random.between(0, 300));

const lie = (random: Random): UsageReport | undefined =>
  random.pick<UsageReport | undefined>([
    undefined,
    {},
    { inputTokens: -5, outputTokens: 3 },
    { inputTokens: 10, outputTokens: 5, reasoningTokens: 50 },
    usage(0, 0),
    usage(random.between(1, 100), 20_000),
    { ...usage(5, 5), usd: 1e300 },
  ]);

const clumsyError = (random: Random): unknown =>
  random.pick<unknown>([
    Object.assign(new Error('bad request'), { status: 400 }),
    new Error('socket hang up'),
    undefined,
    new DOMException('aborted', 'AbortError'),
  ]);
