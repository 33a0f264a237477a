import type { Run, RunOptions } from 'holdfast';
import { detached } from './detached.ts';
import type { AnyGuard } from './options.ts';
import type { ReadRequest } from './protocols/protocol.ts';

/** The run in which a call is made. */
export interface Seat {
  readonly run: Run;
  /**
   * The call is over. `asked` are the ids of the tool calls in its answer, with which the agent goes on, and `answerId`
   * the provider's id of the answer. A run that was started here ends when it asks for nothing more.
   */
  leave(asked: readonly string[], answerId?: string): void;
}

interface Own {
  readonly run: Run;
  /** Tells conversations apart that use the same ids. */
  readonly opening: string;
  /** Under which keys it is remembered. */
  readonly keys: Set<string>;
  working: number;
  timer: NodeJS.Timeout | undefined;
}

/** How many answers are remembered from which a run may go on; the oldest are forgotten first. */
const REMEMBERED_MAX = 10_000;
/** How many runs may share an id: providers' ids of tool calls are not always unique. */
const SHARED_MAX = 16;
/** A run that nothing is heard of for so long was abandoned. */
const REST_MAX_MS = 15 * 60_000;
/** A call whose answer nobody has read to its end for so long was abandoned, and its run with it. */
const CALL_MAX_MS = 60 * 60_000;

const seatsOf = new WeakMap<AnyGuard, Seats>();

export interface Seats {
  take(request: ReadRequest, options: () => Promise<RunOptions<string>>): Promise<Seat>;
}

/** The seats that all guarded fetches of one guard share. */
export function seats(guard: AnyGuard): Seats {
  const known = seatsOf.get(guard);
  if (known) return known;
  const made = makeSeats(guard);
  seatsOf.set(guard, made);
  return made;
}

/**
 * The run around the caller is taken where there is one. Outside of runs nothing names one execution of an agent: a request
 * that ends with results of tools goes on with the run in which these were asked for, one that names an earlier answer
 * with the run of that; any other begins a run.
 */
function makeSeats(guard: AnyGuard): Seats {
  const byKey = new Map<string, readonly Own[]>();
  const living = new Map<string, Own>();

  // A run that is over holds all that its detectors have seen. One that was halted is still found: what follows on it is refused.
  guard.on('run:end', ({ run: { id } }) => {
    const own = living.get(id);
    living.delete(id);
    if (!own) return;
    clearTimeout(own.timer);
    if (own.run.haltError) return;
    for (const key of own.keys) forget(key, own);
  });

  function forget(key: string, own: Own): void {
    const others = (byKey.get(key) ?? []).filter((each) => each !== own);
    if (others.length > 0) byKey.set(key, others);
    else byKey.delete(key);
  }

  function remember(key: string, own: Own): void {
    const others = (byKey.get(key) ?? []).filter((each) => each !== own);
    byKey.delete(key);
    byKey.set(key, [...others.slice(1 - SHARED_MAX), own]);
    own.keys.add(key);
    for (const [oldest, owners] of byKey) {
      if (byKey.size <= REMEMBERED_MAX) break;
      byKey.delete(oldest);
      for (const each of owners) each.keys.delete(oldest);
    }
  }

  function restFor(own: Own, ms: number): void {
    clearTimeout(own.timer);
    own.timer = setTimeout(() => detached(own.run.end()), ms).unref();
  }

  const seatIn = (own: Own): Seat => {
    own.working += 1;
    restFor(own, CALL_MAX_MS);
    return {
      run: own.run,
      leave(asked, answerId) {
        own.working -= 1;
        if (!own.run.isEnded || own.run.haltError) {
          for (const id of asked) remember(callKey(id), own);
          if (answerId !== undefined && asked.length > 0) remember(answerKey(answerId), own);
        }
        if (own.working > 0 || own.run.isEnded) return;
        if (asked.length === 0) detached(own.run.end());
        else restFor(own, REST_MAX_MS);
      },
    };
  };

  const start = (options: RunOptions<string>, opening: string): Own => {
    const own = { run: guard.start(options), opening, keys: new Set<string>(), working: 0, timer: undefined };
    living.set(own.run.id, own);
    return own;
  };

  return {
    async take(request, options) {
      const around = guard.current()?.run;
      if (around) return { run: around, leave: () => {} };
      const opening = openingOf(request);
      const keys = [
        ...request.results.map(({ id }) => callKey(id)),
        // With a conversation that the provider keeps, the opening is not sent again.
        ...(request.previousId === undefined ? [] : [answerKey(request.previousId)]),
      ];
      const wanted = await options();
      // Of a run that has just ended nobody may have heard yet.
      const asked = keys
        .flatMap((key) => byKey.get(key) ?? [])
        .filter(({ run }) => isFor(run, wanted.scopes) && (!run.isEnded || run.haltError));
      return seatIn(theOne(asked, opening) ?? start(wanted, opening));
    },
  };
}

/** The one who asked, whatever has become of the history; where several have, the one of the same conversation. */
const theOne = (asked: readonly Own[], opening: string): Own | undefined =>
  asked.every((each) => each === asked[0]) ? asked[0] : asked.findLast((each) => each.opening === opening);

const callKey = (id: string): string => `call ${id}`;
const answerKey = (id: string): string => `answer ${id}`;

/** Whom an earlier run worked for may not be another than whom this call names. */
const isFor = (run: Run, scopes: RunOptions<string>['scopes'] = {}): boolean =>
  Object.entries(scopes).every(([scope, id]) => id === undefined || run.scopes[scope] === String(id));

/** The beginning of what was first asked. */
const openingOf = ({ call }: ReadRequest): string => call.messages?.find(({ role }) => role === 'user')?.text.slice(0, 200) ?? '';
