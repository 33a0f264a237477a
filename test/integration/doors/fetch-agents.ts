import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Asked, AskOptions, DoorParts } from './door.ts';

/** What an agent of one's own needs of a client: the words and the calls of one answer. */
export interface Turn {
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly query: string }[];
}

/** One conversation with a model, in the words of its provider. */
export interface Talk {
  /** Lets the model speak; `onText` hears it as it streams. Gives undefined when the stream was left. */
  next(onText: (piece: string) => boolean): Promise<Turn | undefined>;
  result(id: string, text: string): void;
}

/** The loop that everyone writes: ask, call the tools, ask again. */
export async function loop(talk: Talk, search: DoorParts['search'], { leaveAfter }: AskOptions): Promise<Asked> {
  const pieces: string[] = [];
  for (;;) {
    const turn = await talk.next((piece) => pieces.push(piece) === leaveAfter);
    if (!turn) return { text: pieces.join(''), pieces };
    if (turn.calls.length === 0) return { text: turn.text, pieces };
    for (const { id, query } of turn.calls) talk.result(id, search(query));
  }
}

const parameters = { type: 'object' as const, properties: { query: { type: 'string' } } };
const queryOf = (args: string): string => (JSON.parse(args) as { query: string }).query;

type Fetch = typeof globalThis.fetch | undefined;

export const openAIClient = ({ server, maxRetries }: DoorParts, fetch: Fetch): OpenAI =>
  new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries, ...(fetch ? { fetch } : {}) });

/** Chat Completions. */
export function chatTalk(client: OpenAI, model: string, question: string, { streams, signal }: AskOptions): Talk {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: question }];
  const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'search', parameters } }];
  const options = signal ? { signal } : {};
  const turnOf = (message: OpenAI.ChatCompletionMessage): Turn => {
    messages.push(message);
    const calls = (message.tool_calls ?? []).flatMap((call) =>
      call.type === 'function' ? [{ id: call.id, query: queryOf(call.function.arguments) }] : [],
    );
    return { text: message.content ?? '', calls };
  };
  return {
    async next(onText) {
      if (!streams) {
        const { choices } = await client.chat.completions.create({ model, messages, tools }, options);
        return turnOf(choices[0]!.message);
      }
      const message: OpenAI.ChatCompletionMessage = { role: 'assistant', content: '', refusal: null };
      for await (const { choices } of await client.chat.completions.create({ model, messages, tools, stream: true }, options)) {
        const { content, tool_calls: calls = [] } = choices[0]!.delta;
        if (content) {
          message.content += content;
          if (onText(content)) return undefined;
        }
        for (const { index, id = '', function: made } of calls) {
          message.tool_calls ??= [];
          const call = (message.tool_calls[index] ??= { id, type: 'function', function: { name: made?.name ?? '', arguments: '' } });
          if (call.type === 'function') call.function.arguments += made?.arguments ?? '';
        }
      }
      // The client ends a stream without a word when it is aborted.
      signal?.throwIfAborted();
      return turnOf(message);
    },
    result: (id, content) => void messages.push({ role: 'tool', tool_call_id: id, content }),
  };
}

/** Responses. */
export function responsesTalk(client: OpenAI, model: string, question: string, { streams, signal }: AskOptions): Talk {
  const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: question }];
  const tools: OpenAI.Responses.Tool[] = [{ type: 'function', name: 'search', parameters, strict: false }];
  const options = signal ? { signal } : {};
  const turnOf = (response: OpenAI.Responses.Response): Turn => {
    input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]));
    const calls = response.output.flatMap((item) =>
      item.type === 'function_call' ? [{ id: item.call_id, query: queryOf(item.arguments) }] : [],
    );
    const text = response.output.flatMap((item) =>
      item.type === 'message' ? item.content.map((part) => (part.type === 'output_text' ? part.text : '')) : [],
    );
    return { text: text.join(''), calls };
  };
  return {
    async next(onText) {
      if (!streams) return turnOf(await client.responses.create({ model, input, tools }, options));
      let last: OpenAI.Responses.Response | undefined;
      for await (const event of await client.responses.create({ model, input, tools, stream: true }, options)) {
        if (event.type === 'response.output_text.delta' && onText(event.delta)) return undefined;
        if (event.type === 'response.completed' || event.type === 'response.incomplete') last = event.response;
      }
      if (!last) throw new Error('the stream had no end');
      return turnOf(last);
    },
    result: (call_id, output) => void input.push({ type: 'function_call_output', call_id, output }),
  };
}

/** Messages. */
export function messagesTalk(
  { server, maxRetries }: DoorParts,
  fetch: Fetch,
  model: string,
  question: string,
  { streams, signal }: AskOptions,
): Talk {
  const client = new Anthropic({ baseURL: server.origin, apiKey: 'none', maxRetries, ...(fetch ? { fetch } : {}) });
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: question }];
  const tools: Anthropic.Tool[] = [{ name: 'search', input_schema: parameters }];
  const body = { model, messages, tools, max_tokens: 1_000 };
  const options = signal ? { signal } : {};
  let results: Anthropic.ToolResultBlockParam[] = [];
  const turnOf = ({ content }: Anthropic.Message): Turn => {
    if (content.length > 0) messages.push({ role: 'assistant', content });
    results = [];
    const calls = content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, query: (block.input as { query: string }).query }] : [],
    );
    return { text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''), calls };
  };
  return {
    async next(onText) {
      if (!streams) return turnOf(await client.messages.create(body, options));
      const stream = client.messages.stream(body, options);
      for await (const event of stream) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta' && onText(event.delta.text)) return undefined;
      }
      return turnOf(await stream.finalMessage());
    },
    result(tool_use_id, content) {
      if (results.length === 0) messages.push({ role: 'user', content: results });
      results.push({ type: 'tool_result', tool_use_id, content });
    },
  };
}
