import { hashName, hashNumbers } from './hash.ts';
import type { Prints } from './prints.ts';
import { recent } from './recent.ts';
import { describe } from './repeat.ts';
import { addStep, type LoopDetector, type Suspicion } from './suspicion.ts';

export interface HandoffState {
  readonly agent: number;
  readonly handoffs: number;
  readonly agents: number[];
  readonly steps: number[];
  readonly depths: [number, number][];
  readonly goals: [number, number[]][];
}

const RUNS_MAX = 128;
const GOALS_MAX = 64;
const DEPTHS_MAX = 32;
const AGENTS_MAX = 16;
/** A hand-over without anything new behind it. Two make a lap. */
const WEIGHT = 0.5;

/** Agents that pass a task back and forth, and sub-agents that are asked for what their parents were asked for. */
export function handoffDetector(restored?: HandoffState): LoopDetector {
  let agent = restored?.agent ?? 0;
  let handoffs = restored?.handoffs ?? 0;
  let agents = restored?.agents ?? [];
  let steps = restored?.steps ?? [];
  const depths = recent<number>(RUNS_MAX, restored?.depths);
  const goals = recent<number[]>(GOALS_MAX, restored?.goals);

  const depthOf = ({ step }: Prints): number => {
    const run = hashName(step.runId);
    const known = depths.get(run);
    const depth = known ?? (step.parentRunId === undefined ? 0 : (depths.get(hashName(step.parentRunId)) ?? 0) + 1);
    depths.put(run, depth);
    return depth;
  };

  return {
    name: 'handoff',
    observe(prints, { isNews, answer, isTwin }) {
      const { step } = prints;
      const isLive = depths.get(hashName(step.runId)) !== undefined;
      const depth = depthOf(prints);
      if (isTwin) return undefined;
      // For an agent that is called again all is new to its run, but not to the tree.
      const wasAsked = goals.get(prints.question) !== undefined;
      const nested = step.kind === 'tool' && prints.nature.effect !== 'read' ? nestedGoal(prints, depth) : undefined;
      // Runs side by side that go on reading, be it what another has read: nobody was handed anything.
      if (isLive && prints.nature.effect === 'read' && answer === 'first' && prints.outcome === 'answer' && step.agent === undefined)
        return nested;
      // An agent that is called again works in a run of its own each time.
      const current = hashName(step.agent ?? step.runId);
      const isDone = prints.nature.effect === 'write' && answer === 'first' && !wasAsked && !prints.isError && !prints.nature.isHandover;
      if (isNews || answer === 'changed' || isDone) {
        handoffs = 0;
        agents = [];
        steps = [];
      }
      if (agent !== 0 && current !== agent) {
        handoffs++;
        agents = [...new Set([...agents, current])].slice(-AGENTS_MAX);
        addStep(steps, step.index);
      }
      agent = current;
      return nested ?? (handoffs >= agents.length * 2 ? pingPong(step.index) : undefined);
    },
    save: (): HandoffState => structuredClone({ agent, handoffs, agents, steps, depths: depths.save(), goals: goals.save() }),
  };

  function pingPong(step: number): Suspicion {
    const firstStep = steps[0] ?? step;
    return {
      kind: 'handoff',
      identity: hashNumbers(5, firstStep),
      score: handoffs * WEIGHT,
      period: agents.length,
      laps: Math.floor(handoffs / Math.max(1, agents.length)),
      firstStep,
      steps,
      reason: () => `the task went ${handoffs} times between ${agents.length} agents and nothing new came of it`,
      clearedBy: 'an agent that finds, changes or answers something',
    };
  }

  function nestedGoal(prints: Prints, depth: number): Suspicion | undefined {
    const at = goals.get(prints.question) ?? [];
    if (!at.includes(depth)) at.push(depth);
    goals.put(prints.question, at.slice(-DEPTHS_MAX));
    if (at.length < 2) return undefined;
    return {
      kind: 'nested-goal',
      identity: hashNumbers(6, prints.question),
      score: at.length,
      period: 1,
      laps: at.length,
      firstStep: prints.step.index,
      steps: [prints.step.index],
      reason: () => `${describe(prints)} was called with the same arguments at ${at.length} depths of the agent tree`,
      clearedBy: 'a smaller or another goal for the sub-agent',
    };
  }
}
