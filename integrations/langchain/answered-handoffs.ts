/**
 * How many answers of a person a run has heeded inside each node, by the node's own id in its checkpoint. LangGraph runs an
 * interrupted node again from its beginning, with all answers so far in their order: those that were heeded must be passed
 * over, not heeded again.
 */
export type AnsweredHandoffs = Readonly<Record<string, number>>;

interface Node {
  readonly heeded: number;
  /** The invocation in which the last was heeded: in this one nothing has to be passed over. */
  readonly invocation: object | undefined;
}

const RUNS_MAX = 1_000;
/** Nodes of one run that wait at the same time, and those that have gone on since. */
const NODES_MAX = 64;

const nodesOf = new Map<string, Map<string, Node>>();

/** Whether anything at all is known of a run: most have never been handed over. */
export const hasAnswers = (runId: string): boolean => nodesOf.size > 0 && nodesOf.has(runId);

export function answeredHandoffs(runId: string): AnsweredHandoffs | undefined {
  const nodes = nodesOf.get(runId);
  return nodes && Object.fromEntries([...nodes].map(([id, { heeded }]) => [id, heeded]));
}

export function restoreAnswers(runId: string, answers: AnsweredHandoffs | undefined): void {
  for (const [node, count] of Object.entries(answers ?? {}))
    if (Number.isSafeInteger(count)) note(runId, node, { heeded: count, invocation: undefined });
}

/** How many answers of this node have to be passed over now: once in each invocation. */
export function toPassOver(runId: string, node: string, invocation: object): number {
  const known = nodesOf.get(runId)?.get(node);
  if (!known || known.invocation === invocation) return 0;
  note(runId, node, { ...known, invocation });
  return known.heeded;
}

/** An answer was heeded. */
export const heeded = (runId: string, node: string, invocation: object): void =>
  note(runId, node, { heeded: (nodesOf.get(runId)?.get(node)?.heeded ?? 0) + 1, invocation });

function note(runId: string, id: string, node: Node): void {
  const nodes = nodesOf.get(runId) ?? new Map<string, Node>();
  keep(nodesOf, runId, nodes, RUNS_MAX);
  keep(nodes, id, node, NODES_MAX);
}

function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}
