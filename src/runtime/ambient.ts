import { AsyncLocalStorage } from 'node:async_hooks';
import type { Run } from './run.ts';
import type { OpenStep } from './open-step.ts';

/** What travels with the asynchronous context of one guard: the current run, the agent that works in it, the open step around us. */
export interface Ambient {
  /** Whose context this is. Runs of different guards can surround one another. */
  readonly guard: object;
  readonly run: Run;
  /** Set once an agent has taken the run: a further agent inside is a child. */
  readonly agent?: string | undefined;
  readonly step?: OpenStep | undefined;
  /** Inside the work of a model call, which has its slot: a further call in there must not wait for it. */
  readonly holdsSlot?: boolean | undefined;
  /** What the door that put the step around us tells the doors inside it. */
  readonly mark?: unknown;
  /** The context of another guard further out. */
  readonly outer?: Ambient | undefined;
}

// One storage for all copies of the package that are bundled into a process.
const key = Symbol.for('holdfast.ambient');
const shared = globalThis as { [key]?: AsyncLocalStorage<Ambient> };
const storage = (): AsyncLocalStorage<Ambient> => (shared[key] ??= new AsyncLocalStorage<Ambient>());

/** What surrounds the caller in the eyes of one guard, or undefined outside its runs. */
export function ambientOf(guard: object): Ambient | undefined {
  let context = storage().getStore();
  while (context && context.guard !== guard) context = context.outer;
  return context;
}

/** Runs `fn` with this context around it. */
export function within<T>(context: Omit<Ambient, 'outer'>, fn: () => T): T {
  const current = storage().getStore();
  const isSame = current?.guard === context.guard;
  const holdsSlot = context.holdsSlot || (isSame && current.holdsSlot);
  const { guard, run, agent, step, mark } = context;
  return storage().run({ guard, run, agent, step, holdsSlot, mark, outer: isSame ? current.outer : current }, fn);
}
