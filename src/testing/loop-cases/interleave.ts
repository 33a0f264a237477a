import { call, freshText, type LoopCase, type ScriptStep } from './script.ts';

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** Rounds of a script: steps that are asked for at once stay together. */
function roundsOf(steps: readonly ScriptStep[]): ScriptStep[][] {
  const rounds: ScriptStep[][] = [];
  for (const step of steps) {
    if (step.isSameRound === true) rounds.at(-1)?.push(step);
    else rounds.push([step]);
  }
  return rounds;
}

/** Puts honest steps that never come again between the rounds of a script: after each with the chance `share`. */
export function withNoise(steps: readonly ScriptStep[], share: number, random: Random): readonly ScriptStep[] {
  let seed = Math.floor(random() * 1000);
  return roundsOf(steps).flatMap((round) => {
    if (random() >= share) return round;
    seed++;
    return [...round, call('open_document', { name: `${freshText(seed, 1)}-${seed}` }, freshText(seed * 13 + 7, 30))];
  });
}

/** Two scripts of one run, each in its own order, mixed at random. Their tools keep their names apart. */
export function interleaved(one: LoopCase, other: LoopCase, random: Random): Pick<LoopCase, 'steps' | 'tools'> {
  const rename = ({ steps, tools = {} }: LoopCase, prefix: string) => ({
    rounds: roundsOf(steps.map((step) => (step.kind === 'tool' ? { ...step, name: `${prefix}_${step.name}` } : step))),
    tools: Object.fromEntries(Object.entries(tools).map(([name, policy]) => [`${prefix}_${name}`, policy])),
  });
  const [first, second] = [rename(one, 'one'), rename(other, 'other')];
  const steps: ScriptStep[] = [];
  while (first.rounds.length > 0 || second.rounds.length > 0) {
    const share = first.rounds.length / (first.rounds.length + second.rounds.length);
    steps.push(...((random() < share ? first : second).rounds.shift() ?? []));
  }
  return { steps, tools: { ...first.tools, ...second.tools } };
}
