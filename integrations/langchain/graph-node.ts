import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons';
import { settingsOf } from './model-call.ts';

/** The node of a graph that the caller works in, as LangGraph tells of it. */
export interface GraphNode {
  /** The node's own id in its checkpoint: it is the same when the node is run again from there. */
  readonly id: string;
  /** What is one and the same in all of an invocation of the graph, and another one in the next. */
  readonly invocation: object;
  readonly configurable: Readonly<Record<string, unknown>>;
}

/** The node around the caller; undefined outside of graphs. */
export function currentNode(): GraphNode | undefined {
  const config = settingsOf(AsyncLocalStorageProviderSingleton.getRunnableConfig());
  const configurable = settingsOf(config['configurable']);
  const id = configurable['checkpoint_ns'];
  if (typeof id !== 'string' || id === '') return undefined;
  const { control } = config;
  return { id, invocation: typeof control === 'object' && control !== null ? control : config, configurable };
}

/**
 * The agent that works in a node, by the nodes around its graph: `team/alice` for the graph that is node `alice` of the graph
 * that is node `team`. Undefined in the outermost graph, whose name its run has.
 */
export function agentIn(node: unknown): { readonly agent?: string } {
  if (typeof node !== 'string' || !node.includes('|')) return {};
  const around = node.split('|').slice(0, -1);
  return { agent: around.map((each) => each.split(':', 1)[0]).join('/') };
}

/** Where the host keeps a thread, a name for a tool call that is the same when the call is made again from its checkpoint. */
export const replayKey = (threadId: unknown, node: unknown, toolCallId: string | undefined): string | undefined =>
  threadId === undefined || typeof node !== 'string' || node === '' || toolCallId === undefined ? undefined : `${node} ${toolCallId}`;
