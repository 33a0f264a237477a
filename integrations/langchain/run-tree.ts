import type { Run } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { detached } from './detached.ts';

/** A root run of LangChain's and the guard's run for it. */
interface Root {
  readonly run: Run;
  /** Whether the run was started for this root, and ends with it. */
  readonly isOwn: boolean;
  readonly runIds: Set<string>;
  /** The thread that it works on, where it has one. */
  readonly thread: string | undefined;
  /** Whether a part of it was interrupted to ask a person. */
  isInterrupted: boolean;
  heardAt: number;
}

/** What a root is started with. */
export interface RootRun {
  readonly run: Run;
  readonly isOwn: boolean;
  readonly thread: string | undefined;
}

/** The end of a root that owns its run. */
export interface RootEnd {
  readonly run: Run;
  readonly thread: string | undefined;
  readonly isInterrupted: boolean;
}

/** LangChain's runs by their ids, each with the guard's run that it belongs to. */
export interface RunTree {
  /** The run of an event whose parent is known; a root, which `start` makes, where it is not. */
  enter(runId: string, parentRunId: string | undefined, start: () => RootRun): Run;
  runOf(runId: string | undefined): Run | undefined;
  /** A part of the tree was interrupted: its run waits for a person. */
  interrupted(runId: string): void;
  /** An event is over. With the root everything is: gives the run that ends with it. */
  leave(runId: string): RootEnd | undefined;
}

/** A root that nothing was heard of for so long never had an end: its consumer went away. */
const SILENCE_MAX_MS = 60 * 60_000;
/** How many roots at most are looked at for that when a new one begins. */
const SWEPT_AT_ONCE = 8;
const ROOTS_MAX = 10_000;

const trees = new WeakMap<AnyGuard, RunTree>();

/** The tree of a guard: handlers of one guard that see the same root share its run. */
export function runTreeOf(guard: AnyGuard): RunTree {
  const known = trees.get(guard);
  if (known) return known;
  const tree = createRunTree();
  trees.set(guard, tree);
  return tree;
}

function createRunTree(now: () => number = Date.now): RunTree {
  const rootOf = new Map<string, Root>();
  const roots = new Map<string, Root>();

  const forget = (rootId: string, root: Root): void => {
    roots.delete(rootId);
    for (const runId of root.runIds) rootOf.delete(runId);
  };

  const giveUp = (rootId: string, root: Root): void => {
    forget(rootId, root);
    if (root.isOwn) detached(root.run.end());
  };

  /** Looks at a few roots; those that go on are looked at again after all others. */
  const giveUpSilent = (): void => {
    let quietest: [string, Root] | undefined;
    for (const [rootId, root] of firstOf(roots, SWEPT_AT_ONCE)) {
      if (now() - root.heardAt > SILENCE_MAX_MS) giveUp(rootId, root);
      else {
        roots.delete(rootId);
        roots.set(rootId, root);
        if (!quietest || root.heardAt < quietest[1].heardAt) quietest = [rootId, root];
      }
    }
    if (quietest && roots.size > ROOTS_MAX) giveUp(...quietest);
  };

  return {
    enter(runId, parentRunId, start) {
      const known = rootOf.get(runId) ?? (parentRunId === undefined ? undefined : rootOf.get(parentRunId));
      const root = known ?? { ...start(), runIds: new Set<string>(), isInterrupted: false, heardAt: 0 };
      root.heardAt = now();
      root.runIds.add(runId);
      rootOf.set(runId, root);
      if (!known) {
        roots.set(runId, root);
        giveUpSilent();
      }
      return root.run;
    },
    runOf: (runId) => (runId === undefined ? undefined : rootOf.get(runId)?.run),
    interrupted(runId) {
      const root = rootOf.get(runId);
      if (root) root.isInterrupted = true;
    },
    leave(runId) {
      const root = roots.get(runId);
      if (root) {
        forget(runId, root);
        return root.isOwn ? root : undefined;
      }
      rootOf.get(runId)?.runIds.delete(runId);
      rootOf.delete(runId);
      return undefined;
    },
  };
}

function firstOf<K, V>(map: ReadonlyMap<K, V>, most: number): [K, V][] {
  const first: [K, V][] = [];
  for (const entry of map) if (first.push(entry) === most) break;
  return first;
}
