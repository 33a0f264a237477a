import type { BaseMessage } from '@langchain/core/messages';
import type { ModelCall, ToolCall } from 'holdfast';
import { messageViews } from './message-views.ts';
import { modelCall, providerName, settingsOf } from './model-call.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a callback is told of a model beside the messages. */
export interface ModelEvent {
  readonly serialized: unknown;
  readonly extraParams: unknown;
  readonly metadata: unknown;
  readonly runName: string | undefined;
}

/** A chat model's call as a callback sees it. */
export function chatModelEvent(event: ModelEvent, messages: readonly BaseMessage[]): ModelCall {
  const parameters = settingsOf(settingsOf(event.extraParams)['invocation_params']);
  const metadata = settingsOf(event.metadata);
  const tools = parameters['tools'];
  const facts = { model: modelName(event, parameters, metadata), provider: providerName(metadata['ls_provider']) };
  return modelCall(facts, messageViews(messages), Array.isArray(tools) ? tools : undefined, parameters, {
    maxTokens: metadata['ls_max_tokens'],
  });
}

/** The call of a model that takes a text, as a callback sees it. */
export function textModelEvent(event: ModelEvent, prompt: string): ModelCall {
  const { messages: _none, ...call } = chatModelEvent(event, []);
  return { ...call, input: prompt };
}

function modelName({ serialized, runName }: ModelEvent, parameters: Fields, metadata: Fields): string {
  const names = [metadata['ls_model_name'], parameters['model'], parameters['model_name'], runName, lastId(serialized)];
  return names.find((name): name is string => typeof name === 'string' && name !== '') ?? 'model';
}

const lastId = (serialized: unknown): unknown => {
  const { id } = settingsOf(serialized);
  return Array.isArray(id) ? id.at(-1) : undefined;
};

/** A tool's call as a callback sees it. */
export function toolEvent(serialized: unknown, input: string, runName: string | undefined, toolCallId: string | undefined): ToolCall {
  const name = runName ?? settingsOf(serialized)['name'] ?? lastId(serialized);
  return {
    kind: 'tool',
    name: typeof name === 'string' && name !== '' ? name : 'tool',
    args: parsed(input),
    ...(toolCallId === undefined ? {} : { id: toolCallId }),
  };
}

function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}
