import { dimensions, InvalidOptionError, type AccountReading, type Dimension, type Guard } from 'holdfast';

/** The part of a guard that its page needs. */
export interface DashboardGuard {
  on: Guard['on'];
  /** Events are heard many at a time where the guard has this. */
  later?: Guard['later'];
  list(options?: { most?: number }): Promise<AccountReading[]>;
  adjust(scope: string, id: string, limits: { [D in Dimension]?: number }, options?: { tenant?: string }): Promise<AccountReading>;
  run(options: { id?: string }, fn: (run: { halt(reason?: string): Error }) => void): Promise<unknown>;
}

/** What was asked for cannot be done; the message is for the page. */
export class RefusedError extends Error {}

/** Raises (or lowers) a limit and halts runs, for people. */
export interface Actions {
  setLimit(asked: unknown): Promise<void>;
  haltRun(asked: unknown): Promise<void>;
}

const KEPT = 10_000;

export function guardActions(guard: DashboardGuard, isLive: (run: string) => boolean): Actions {
  // An adjustment takes the place of the one before: what was raised here stays raised.
  const raised = new Map<string, { [D in Dimension]?: number }>();
  const put = (account: string, limits: { [D in Dimension]?: number } | undefined): void => {
    if (limits) raised.set(account, limits);
    else raised.delete(account);
  };
  return {
    async setLimit(asked) {
      const { tenant, scope, id, dimension, limit } = fieldsOf(asked);
      if (typeof scope !== 'string' || typeof id !== 'string' || typeof tenant !== 'string')
        throw new RefusedError('scope, id and tenant are texts');
      if (!isDimension(dimension)) throw new RefusedError(`dimension is one of ${dimensions.join(', ')}`);
      if (typeof limit !== 'number' || !Number.isFinite(limit) || limit < 0) throw new RefusedError('limit is a number of 0 or more');
      const account = JSON.stringify([tenant, scope, id]);
      const before = raised.get(account);
      const limits = { ...before, [dimension]: limit };
      // At once: what is set while the store is asked must not undo this.
      raised.set(account, limits);
      const oldest = raised.size > KEPT ? raised.keys().next().value : undefined;
      if (oldest !== undefined) raised.delete(oldest);
      try {
        await guard.adjust(scope, id, limits, tenant === '' ? {} : { tenant });
      } catch (error) {
        if (raised.get(account) === limits) put(account, before);
        throw error instanceof InvalidOptionError ? new RefusedError(error.message) : error;
      }
    },
    async haltRun(asked) {
      const { run } = fieldsOf(asked);
      // A second run of a live id is that run, and is left again; of one that is over it would be a new one.
      if (typeof run !== 'string' || !isLive(run)) throw new RefusedError('this run is over');
      await guard.run({ id: run }, (live) => void live.halt('halted by a person, from the dashboard'));
    },
  };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const isDimension = (value: unknown): value is Dimension => (dimensions as readonly unknown[]).includes(value);
