import { AIMessage } from '@langchain/core/messages';
import { settingsOf } from './model-call.ts';
import { answerMessage } from './model-attempt.ts';

type Method = (...args: unknown[]) => unknown;

/** What `guardAgent` must know of the thing that it wraps. */
export interface AgentKind {
  readonly name: 'createAgent' | 'graph' | 'executor' | 'model' | 'runnable';
  /** The fallback's answer in the shape in which this agent answers. */
  answer(output: unknown, input: unknown): unknown;
  /** The answer as the pieces of a stream. */
  pieces(output: unknown, input: unknown, config: unknown): unknown[];
}

/** A value that is no text is taken as an answer that has its shape already. */
const isText = (output: unknown): boolean => typeof output === 'string' || AIMessage.isInstance(output);

const whole = (name: AgentKind['name'], shaped: (output: unknown, input: unknown) => unknown): AgentKind => {
  const answer = (output: unknown, input: unknown): unknown => (isText(output) ? shaped(output, input) : output);
  return { name, answer, pieces: (output, input) => [answer(output, input)] };
};

const runnable: AgentKind = { name: 'runnable', answer: (output) => output, pieces: (output) => [output] };
const model = whole('model', (output) => answerMessage(output));
const messageGraph = (name: 'createAgent' | 'graph', node: string): AgentKind => {
  const answer = (output: unknown, input: unknown): unknown =>
    isText(output) ? { messages: [...messagesIn(input), answerMessage(output)] } : output;
  return { name, answer, pieces: (output, input, config) => graphPieces(output, answer(output, input), node, config) };
};
const executor = (outputKey: string): AgentKind =>
  whole('executor', (output) => ({ [outputKey]: AIMessage.isInstance(output) ? output.text : output }));

/** Recognises LangChain's agents by what they can do, for several copies of its packages may be about. */
export function agentKind(agent: object): AgentKind {
  const has = settingsOf(agent);
  if (isCreatedAgent(agent)) return messageGraph('createAgent', 'model_request');
  if (has['lg_is_pregel'] === true) {
    const hasMessages = 'messages' in settingsOf(has['channels']);
    return hasMessages ? messageGraph('graph', firstNode(has['nodes'])) : { ...runnable, name: 'graph' };
  }
  if ('agent' in has && 'tools' in has && Array.isArray(has['outputKeys'])) return executor(String(has['outputKeys'][0] ?? 'output'));
  if ('_streamResponseChunks' in has) return model;
  return runnable;
}

/** What `createAgent` gives: an agent that carries its own public options. */
export function isCreatedAgent(agent: object): agent is CreatedAgent {
  const { options, graph, withConfig } = agent as { options?: unknown; graph?: unknown; withConfig?: unknown };
  return 'model' in settingsOf(options) && typeof graph === 'object' && typeof withConfig === 'function';
}

export interface CreatedAgent {
  options: {
    readonly middleware?: readonly unknown[];
    readonly tools?: readonly unknown[];
    readonly name?: string;
    readonly signal?: AbortSignal;
  };
  withConfig: Method;
  checkpointer?: unknown;
  store?: unknown;
}

const firstNode = (nodes: unknown): string => Object.keys(settingsOf(nodes)).find((node) => !node.startsWith('__')) ?? 'agent';

/** The messages of an input, which is a state, a list or nothing. */
export function messagesIn(input: unknown): readonly unknown[] {
  const { messages } = Array.isArray(input) ? { messages: input } : settingsOf(input);
  return Array.isArray(messages) ? messages : [];
}

/** The answer in each of the stream modes that were asked for, as LangGraph streams them. */
function graphPieces(output: unknown, answer: unknown, node: string, config: unknown): unknown[] {
  const { streamMode = 'updates', subgraphs } = settingsOf(config);
  const modes = Array.isArray(streamMode) ? streamMode : [streamMode];
  const message = isText(output) ? answerMessage(output) : undefined;
  const payload = (mode: unknown): unknown => {
    if (mode === 'values') return answer;
    if (mode === 'updates') return { [node]: message ? { messages: [message] } : answer };
    return mode === 'messages' && message ? [message, { langgraph_node: node }] : undefined;
  };
  return modes.flatMap((mode) => {
    const shaped = payload(mode);
    if (shaped === undefined) return [];
    const tagged = Array.isArray(streamMode) ? [mode, shaped] : [shaped];
    return [subgraphs === true ? [[], ...tagged] : tagged.length === 1 ? shaped : tagged];
  });
}
