import type { Run, RunOptions, Step } from 'holdfast';
import { askedCalls, type Asker, type Said } from './asked-calls.ts';
import { detached, recordsOf, type AnyGuard, type Prompt } from './host.ts';

/** A run in which one call is at work. */
export interface Seat {
  readonly run: Run;
  /** The call's hold is in place: from now on the call is at work for as long as its step is open. */
  begun(step: Step): void;
  /**
   * The call is over. `asked` are the ids of the tool calls that it asked for: with them the loop goes on, unless its signal
   * aborts. A run that a door has started ends when none is left, or when nothing more is heard of it.
   */
  leave(outcome: 'goes-on' | 'ended' | 'may-be-tried-again', asked?: readonly string[], abortSignal?: AbortSignal): Promise<void>;
}

/** Finds the runs of one guard for all doors of this integration. */
export interface DoorRuns {
  /** The run of a model call. */
  ofModelCall(prompt: Prompt, options: () => RunOptions<string>): Seat;
  /** Who asked for a tool call; by the call's conversation where several have calls of its id. */
  ofToolCall(id: string, conversation?: readonly Said[]): Asker | undefined;
  /** The run for a call that nobody knows a run of. */
  own(options: RunOptions<string>): Seat;
  /** Nothing more comes of a run: one that a door has started ends. */
  over(run: Run): void;
}

/** A call at work. Its step is not there yet while it is begun. */
interface Working {
  step: Step | undefined;
}

interface OwnRun {
  readonly run: Run;
  readonly calls: Set<Working>;
  timer: NodeJS.Timeout | undefined;
  /** No longer listens for the end of the loop that goes on. */
  unlisten: (() => void) | undefined;
}

/** A stream that nobody reads any more is never left: the guard gives its step up in the end. */
const isAtWork = ({ calls }: OwnRun): boolean => [...calls].some(({ step }) => step === undefined || step.isOpen);

/** A run that nothing is heard of for so long was abandoned, or waits for a result from a person or a browser. */
const REST_MAX_MS = 15 * 60_000;
/** The longest that the SDK waits before it tries again. */
const RETRY_MAX_MS = 90_000;

/** Whether a call can go on in the run that asked: one that was halted refuses it. */
export const isUsable = (asker: Asker | undefined): asker is Asker & { readonly run: Run } =>
  asker?.run !== undefined && (!asker.run.isEnded || asker.run.haltError !== undefined);

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
  const asked = askedCalls(guard);
  const byPrompt = new WeakMap<object, Run>();
  const bySubAgent = new WeakMap<Step, Run>();
  const owns = new WeakMap<Run, OwnRun>();

  const restFor = (own: OwnRun, ms: number): void => {
    clearTimeout(own.timer);
    own.timer = setTimeout(() => (isAtWork(own) ? own.timer?.refresh() : detached(end(own))), ms).unref();
  };

  function end(own: OwnRun): Promise<void> {
    clearTimeout(own.timer);
    own.unlisten?.();
    return own.run.end();
  }

  const over = (own: OwnRun): void => {
    if (own.calls.size === 0) detached(end(own));
  };

  /** Nobody asks the model again for a loop that was aborted while its tools worked. */
  function endWhenAborted(own: OwnRun, abortSignal: AbortSignal): void {
    // A signal of the caller's may serve many loops: Node takes many listeners on one for a leak.
    const signal = AbortSignal.any([abortSignal]);
    const act = (): void => over(own);
    if (signal.aborted) return act();
    signal.addEventListener('abort', act, { once: true });
    own.unlisten = () => signal.removeEventListener('abort', act);
  }

  function start(options: RunOptions<string>): Run {
    const run = guard.start(options);
    owns.set(run, { run, calls: new Set(), timer: undefined, unlisten: undefined });
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

  /** Whom an earlier run worked for may not be another than whom this call names. */
  const isFor = ({ scopes: theirs }: Asker, scopes: RunOptions<string>['scopes'] = {}): boolean =>
    Object.entries(scopes).every(([scope, id]) => id === undefined || theirs[scope] === String(id));

  function knownFor(prompt: Prompt): Asker | undefined {
    const again = byPrompt.get(prompt);
    return again ? { run: again, scopes: again.scopes } : asked.ofAll(resultIds(prompt), prompt);
  }

  function runFor(prompt: Prompt, options: () => RunOptions<string>): Run {
    const around = guard.current();
    if (around) return around.step?.call.kind === 'tool' ? subAgent(around.step, options) : around.run;
    const known = knownFor(prompt);
    const wanted = options();
    if (!known || !isFor(known, wanted.scopes)) return start(wanted);
    if (isUsable(known)) return known.run;
    // `guard.run` was left before the stream that it began was read: whom it worked for still holds.
    return start({ ...wanted, scopes: { ...known.scopes, ...wanted.scopes } });
  }

  function seatIn(run: Run, prompt: Prompt | undefined): Seat {
    const own = owns.get(run);
    const call: Working = { step: undefined };
    if (own) {
      own.calls.add(call);
      own.unlisten?.();
      if (!own.timer) restFor(own, REST_MAX_MS);
    }
    return {
      run,
      begun: (step) => void (call.step = step),
      async leave(outcome, ids = [], abortSignal) {
        if (prompt && ids.length > 0) asked.add(run, prompt, ids);
        if (!own) return;
        own.calls.delete(call);
        if (outcome === 'ended' && own.calls.size === 0) return end(own);
        if (run.isEnded) return;
        restFor(own, outcome === 'may-be-tried-again' ? RETRY_MAX_MS : REST_MAX_MS);
        if (outcome === 'goes-on' && abortSignal) endWhenAborted(own, abortSignal);
      },
    };
  }

  return {
    ofModelCall(prompt, options) {
      const run = runFor(prompt, options);
      byPrompt.set(prompt, run);
      return seatIn(run, prompt);
    },
    ofToolCall(id, conversation = []) {
      const around = guard.current();
      if (!around) return asked.of(id, conversation);
      const run = (around.step?.call.kind === 'tool' ? bySubAgent.get(around.step) : undefined) ?? around.run;
      return { run, scopes: run.scopes };
    },
    own: (options) => seatIn(start(options), undefined),
    over(run) {
      const own = owns.get(run);
      if (own) over(own);
    },
  };
}

/** The ids of the results with which a prompt ends. */
function resultIds(prompt: Prompt): string[] {
  const last = prompt.at(-1);
  if (last?.role !== 'tool') return [];
  return recordsOf(last.content).flatMap(({ type, toolCallId }) => (type === 'tool-result' ? [String(toolCallId)] : []));
}
