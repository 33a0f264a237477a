import type { Run, RunOptions, Step } from 'holdfast';
import { detached, recordsOf, type AnyGuard, type Prompt } from './host.ts';

/** A run in which one call is at work. */
export interface Seat {
  readonly run: Run;
  /**
   * The call is over. `asked` are the ids of the tool calls that it asked for: with them the loop goes on. A run that a
   * door has started ends when none is left, or when nothing more is heard of it.
   */
  leave(outcome: 'goes-on' | 'ended' | 'may-be-tried-again', asked?: readonly string[]): Promise<void>;
}

/** Finds the runs of one guard for all doors of this integration. */
export interface DoorRuns {
  /** The run of a model call. */
  ofModelCall(prompt: Prompt, options: () => RunOptions<string>): Seat;
  /** The run in which a tool call was asked for, or undefined. */
  ofToolCall(id: string): Run | undefined;
  /** The run for a call that nobody knows a run of. */
  own(options: RunOptions<string>): Seat;
}

interface Asked {
  readonly run: Run;
  /** How the conversation began: it tells apart providers' ids that are not unique. */
  readonly opening: string;
}

interface OwnRun {
  readonly run: Run;
  working: number;
  timer: NodeJS.Timeout | undefined;
}

/** How many tool calls are remembered; the oldest are forgotten first. */
const CALLS_MAX = 10_000;
/** How many conversations may share the id of a tool call. */
const SHARED_MAX = 16;
/** A run that nothing is heard of for so long was abandoned, or waits for a result from a person or a browser. */
const REST_MAX_MS = 15 * 60_000;
/** The longest that the SDK waits before it tries again. */
const RETRY_MAX_MS = 90_000;

const runsOf = new WeakMap<AnyGuard, DoorRuns>();

/** The runs that the doors of one guard share. */
export function doorRuns(guard: AnyGuard): DoorRuns {
  const known = runsOf.get(guard);
  if (known) return known;
  const made = makeRuns(guard);
  runsOf.set(guard, made);
  return made;
}

/**
 * The SDK has no name for one execution of its loop that a model could see. The run around the caller is taken where there
 * is one. Otherwise a call whose prompt ends with results of tools goes on with the run in which these were asked for (also
 * when the results came from a browser, in another request), and one that is tried again keeps its prompt and so its run;
 * any other call begins a run. It ends with an answer that asks for no tool.
 */
function makeRuns(guard: AnyGuard): DoorRuns {
  const byCall = new Map<string, readonly Asked[]>();
  const byPrompt = new WeakMap<object, Run>();
  const bySubAgent = new WeakMap<Step, Run>();
  const owns = new WeakMap<Run, OwnRun>();

  const restFor = (own: OwnRun, ms: number): void => {
    clearTimeout(own.timer);
    own.timer = setTimeout(() => (own.working > 0 ? own.timer?.refresh() : detached(own.run.end())), ms).unref();
  };

  function start(options: RunOptions<string>): Run {
    const run = guard.start(options);
    owns.set(run, { run, working: 0, timer: undefined });
    return run;
  }

  /** A whole agent that works inside a tool is a run of its own, which draws on the one around it. */
  function subAgent(step: Step, options: () => RunOptions<string>): Run {
    const known = bySubAgent.get(step);
    if (known && (!known.isEnded || known.haltError)) return known;
    const { scopes: _inherited, ...others } = options();
    const run = start(others);
    bySubAgent.set(step, run);
    return run;
  }

  function goingOn(prompt: Prompt): Run | undefined {
    const opening = openingOf(prompt);
    const asked = resultIds(prompt).flatMap((id) => byCall.get(id) ?? []);
    return (asked.length > 1 ? asked.findLast((each) => each.opening === opening) : asked[0])?.run;
  }

  /** Whom an earlier run worked for may not be another than whom this call names. */
  const isFor = (run: Run, scopes: RunOptions<string>['scopes'] = {}): boolean =>
    Object.entries(scopes).every(([scope, id]) => id === undefined || run.scopes[scope] === String(id));

  function runFor(prompt: Prompt, options: () => RunOptions<string>): Run {
    const around = guard.current();
    if (around) return around.step?.call.kind === 'tool' ? subAgent(around.step, options) : around.run;
    const known = byPrompt.get(prompt) ?? goingOn(prompt);
    const wanted = options();
    if (!known || !isFor(known, wanted.scopes)) return start(wanted);
    if (!known.isEnded || known.haltError) return known;
    // `guard.run` was left before the stream that it began was read: whom it worked for still holds.
    return start({ ...wanted, scopes: { ...known.scopes, ...wanted.scopes } });
  }

  function seatIn(run: Run, prompt: Prompt | undefined): Seat {
    const own = owns.get(run);
    if (own) own.working += 1;
    return {
      run,
      async leave(outcome, asked = []) {
        if (prompt && asked.length > 0) remember(run, prompt, asked);
        if (!own) return;
        own.working -= 1;
        if (outcome === 'ended' && own.working === 0) {
          clearTimeout(own.timer);
          await run.end();
        } else if (!run.isEnded) restFor(own, outcome === 'may-be-tried-again' ? RETRY_MAX_MS : REST_MAX_MS);
      },
    };
  }

  function remember(run: Run, prompt: Prompt, ids: readonly string[]): void {
    const opening = openingOf(prompt);
    for (const id of ids) {
      const others = (byCall.get(id) ?? []).filter((each) => each.run !== run && !each.run.isEnded);
      byCall.delete(id);
      byCall.set(id, [...others.slice(1 - SHARED_MAX), { run, opening }]);
    }
    for (const oldest of byCall.keys()) {
      if (byCall.size <= CALLS_MAX) break;
      byCall.delete(oldest);
    }
  }

  return {
    ofModelCall(prompt, options) {
      const run = runFor(prompt, options);
      byPrompt.set(prompt, run);
      return seatIn(run, prompt);
    },
    ofToolCall(id) {
      const around = guard.current();
      if (around) return (around.step?.call.kind === 'tool' ? bySubAgent.get(around.step) : undefined) ?? around.run;
      return byCall.get(id)?.at(-1)?.run;
    },
    own: (options) => seatIn(start(options), undefined),
  };
}

/** The ids of the results with which a prompt ends. */
function resultIds(prompt: Prompt): string[] {
  const last = prompt.at(-1);
  if (last?.role !== 'tool') return [];
  return recordsOf(last.content).flatMap(({ type, toolCallId }) => (type === 'tool-result' ? [String(toolCallId)] : []));
}

/** The beginning of what was first asked in a conversation. */
function openingOf(prompt: Prompt): string {
  const first = prompt.find(({ role }) => role === 'user');
  return JSON.stringify(first?.content ?? '').slice(0, 200);
}
