import { getCurrentTrace } from '@openai/agents';
import type { Run, Step } from 'holdfast';
import { detached, type AnyGuard } from './host.ts';

/** A run in which one call is at work. */
export interface Seat {
  readonly run: Run;
  /** The agent that makes the call, where it is known. */
  readonly agent: string | undefined;
  /** The call's hold is in place: from now on the call is at work for as long as its step is open. */
  begun(step: Step): void;
  /** The call is over; `isLast` where nothing seems to follow it. */
  leave(isLast: boolean): void;
}

/** Finds the run of a call. */
export interface AgentRuns {
  ofModelCall(): Seat;
  ofToolCall(): Seat;
}

/** The agent that is at work in one call of a guarded runner; it changes with each hand-over. A mark of the runner's door. */
class AgentAtWork {
  agent: string;
  constructor(agent: string) {
    this.agent = agent;
  }
}

const workingIn = (mark: unknown): AgentAtWork | undefined => (mark instanceof AgentAtWork ? mark : undefined);

/** Runs `fn` in a run as the work of an agent, and of those that it hands over to. */
export const withAgent = <T>(guard: AnyGuard, run: Run, agent: string, fn: () => T): T =>
  guard.within(run, agent, fn, new AgentAtWork(agent));

/** Another agent goes on. */
export function handOver(guard: AnyGuard, agent: string): void {
  const working = workingIn(guard.current()?.mark);
  if (working) working.agent = agent;
}

/** A call at work. Its step is not there yet while it is begun. */
interface Working {
  step: Step | undefined;
}

interface OwnRun {
  readonly run: Run;
  readonly calls: Set<Working>;
  timer: NodeJS.Timeout | undefined;
}

/** A call that never answers is never left: the guard gives its step up in the end. */
const isAtWork = ({ calls }: OwnRun): boolean => [...calls].some(({ step }) => step === undefined || step.isOpen);

/** A runner may go on after an answer: with another agent, or after a guardrail. */
const REST_AFTER_ANSWER_MS = 1_000;
/** A run that nothing is heard of for so long was abandoned, or waits for a person who did not come. */
const REST_MAX_MS = 15 * 60_000;

const runsOf = new WeakMap<AnyGuard, AgentRuns>();

/** The runs that the doors of one guard share. */
export function agentRuns(guard: AnyGuard): AgentRuns {
  const known = runsOf.get(guard);
  if (known) return known;
  const made = makeRuns(guard);
  runsOf.set(guard, made);
  return made;
}

/**
 * The run around the caller is taken where there is one: of `guard.run`, of a guarded runner. An agent that works inside a tool
 * is a run inside that one. Without a run around, the calls of one trace are a run: the SDK opens a trace for each execution
 * of an agent. It has no end that a model could see, so such a run ends a moment after an answer that asks for nothing.
 */
function makeRuns(guard: AnyGuard): AgentRuns {
  const byTrace = new WeakMap<object, OwnRun>();
  const bySubAgent = new WeakMap<Step, OwnRun>();

  const restFor = (own: OwnRun, ms: number): void => {
    clearTimeout(own.timer);
    own.timer = setTimeout(() => (isAtWork(own) ? own.timer?.refresh() : detached(own.run.end())), ms).unref();
  };

  function ownIn<K extends object>(runs: WeakMap<K, OwnRun>, key: K | undefined, agent: string | undefined): OwnRun {
    const known = key && runs.get(key);
    if (known && (!known.run.isEnded || known.run.haltError)) return known;
    const own: OwnRun = { run: guard.start({ agent: agent ?? 'agent' }), calls: new Set(), timer: undefined };
    if (key) runs.set(key, own);
    return own;
  }

  function seatIn(own: OwnRun, agent: string | undefined): Seat {
    const call: Working = { step: undefined };
    own.calls.add(call);
    restFor(own, REST_MAX_MS);
    return {
      run: own.run,
      agent,
      begun: (step) => void (call.step = step),
      leave(isLast) {
        own.calls.delete(call);
        if (!own.run.isEnded) restFor(own, isLast ? REST_AFTER_ANSWER_MS : REST_MAX_MS);
      },
    };
  }

  const seatOfTrace = (): Seat => seatIn(ownIn(byTrace, getCurrentTrace() ?? undefined, undefined), undefined);
  const seatAround = (run: Run, agent: string | undefined): Seat => ({ run, agent, begun: () => {}, leave: () => {} });

  return {
    ofModelCall() {
      const around = guard.current();
      if (!around) return seatOfTrace();
      const agent = workingIn(around.mark)?.agent;
      const { step } = around;
      if (step?.call.kind !== 'tool') return seatAround(around.run, agent);
      // The agent in a tool is known by the name of the tool.
      return seatIn(ownIn(bySubAgent, step, step.call.name), step.call.name);
    },
    ofToolCall() {
      const around = guard.current();
      if (!around) return seatOfTrace();
      const { step } = around;
      const sub = step && bySubAgent.get(step);
      if (sub && step.call.kind === 'tool') return seatIn(sub, step.call.name);
      return seatAround(around.run, workingIn(around.mark)?.agent);
    },
  };
}
