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
  working: number;
  timer: NodeJS.Timeout | undefined;
}

/** How many answers are remembered from which a run may go on; the oldest are forgotten first. */
const REMEMBERED_MAX = 10_000;
/** A run that nothing is heard of for so long was abandoned. */
const REST_MAX_MS = 15 * 60_000;

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
  const byKey = new Map<string, Own>();

  const remember = (key: string, own: Own): void => {
    byKey.delete(key);
    byKey.set(key, own);
    for (const oldest of byKey.keys()) {
      if (byKey.size <= REMEMBERED_MAX) break;
      byKey.delete(oldest);
    }
  };

  const seatIn = (own: Own): Seat => {
    own.working += 1;
    clearTimeout(own.timer);
    return {
      run: own.run,
      leave(asked, answerId) {
        own.working -= 1;
        for (const id of asked) remember(callKey(id, own.opening), own);
        if (answerId !== undefined && asked.length > 0) remember(answerKey(answerId), own);
        if (own.working > 0 || own.run.isEnded) return;
        if (asked.length === 0) detached(own.run.end());
        else own.timer = setTimeout(() => own.working === 0 && detached(own.run.end()), REST_MAX_MS).unref();
      },
    };
  };

  return {
    async take(request, options) {
      const around = guard.current()?.run;
      if (around) return { run: around, leave: () => {} };
      const opening = openingOf(request);
      const keys = [
        ...request.results.map(({ id }) => callKey(id, opening)),
        // With a conversation that the provider keeps, the opening is not sent again.
        ...(request.previousId === undefined ? [] : [answerKey(request.previousId)]),
      ];
      const known = keys.map((key) => byKey.get(key)).find((own) => own !== undefined);
      const wanted = await options();
      if (known && isFor(known.run, wanted.scopes) && (!known.run.isEnded || known.run.haltError)) return seatIn(known);
      return seatIn({ run: guard.start(wanted), opening, working: 0, timer: undefined });
    },
  };
}

const callKey = (id: string, opening: string): string => `call ${id} ${opening}`;
const answerKey = (id: string): string => `answer ${id}`;

/** Whom an earlier run worked for may not be another than whom this call names. */
const isFor = (run: Run, scopes: RunOptions<string>['scopes'] = {}): boolean =>
  Object.entries(scopes).every(([scope, id]) => id === undefined || run.scopes[scope] === String(id));

/** The beginning of what was first asked. */
const openingOf = ({ call }: ReadRequest): string => call.messages?.find(({ role }) => role === 'user')?.text.slice(0, 200) ?? '';
