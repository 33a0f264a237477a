import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, AIMessageChunk, type BaseMessage, type UsageMetadata } from '@langchain/core/messages';
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs';

/** What the model says in one turn. */
export interface Saying {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly args?: object; readonly id?: string }[];
  readonly error?: Error;
  /** Default: 10 in, 5 out. Null: nothing is reported. */
  readonly usage?: Partial<UsageMetadata> | null;
}

/** The turn is the number of answers in the conversation. */
export type Script = (turn: number, messages: readonly BaseMessage[], call: number) => Saying | Promise<Saying>;

const usage: UsageMetadata = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };

/** A chat model that plays a script, for whole answers and for streams, and notes the calls that reach it. */
export class ScriptedChatModel extends BaseChatModel {
  readonly calls: BaseMessage[][] = [];
  readonly model: string;
  readonly #script: Script;

  constructor(script: Script, model = 'gpt-4o-mini') {
    super({});
    this.#script = script;
    this.model = model;
  }

  _llmType(): string {
    return 'scripted';
  }

  override getLsParams(options: this['ParsedCallOptions']): ReturnType<BaseChatModel['getLsParams']> {
    return { ...super.getLsParams(options), ls_model_name: this.model, ls_provider: 'openai' };
  }

  override bindTools(tools: unknown[]): ReturnType<NonNullable<BaseChatModel['bindTools']>> {
    const options: object = { tools };
    return this.withConfig(options);
  }

  async #say(messages: BaseMessage[], signal: AbortSignal | undefined): Promise<{ message: AIMessage; text: string }> {
    this.calls.push(messages);
    const turn = messages.filter((message) => message.getType() === 'ai').length;
    const said = await this.#script(turn, messages, this.calls.length - 1);
    signal?.throwIfAborted();
    if (said.error) throw said.error;
    const text = said.text ?? '';
    const tool_calls = (said.calls ?? []).map(({ name, args = {}, id }, place) => ({
      name,
      args: args as Record<string, unknown>,
      id: id ?? `call_${turn}_${place}`,
      type: 'tool_call' as const,
    }));
    const message = new AIMessage({ content: text, tool_calls, id: `answer_${turn}` });
    if (said.usage !== null) Object.assign(message, { usage_metadata: { ...usage, ...said.usage } });
    return { text, message };
  }

  async _generate(messages: BaseMessage[], options: this['ParsedCallOptions']): Promise<ChatResult> {
    const { message, text } = await this.#say(messages, options.signal);
    return { generations: [{ text, message }] };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const { message, text } = await this.#say(messages, options.signal);
    for (const piece of text.match(/\S+\s*/gu) ?? []) {
      const chunk = new ChatGenerationChunk({ text: piece, message: new AIMessageChunk({ content: piece, id: message.id ?? '' }) });
      yield chunk;
      await runManager?.handleLLMNewToken(piece, undefined, undefined, undefined, undefined, { chunk });
    }
    const tool_call_chunks = (message.tool_calls ?? []).map(({ name, args, id }, index) => ({
      name,
      args: JSON.stringify(args),
      id: id ?? '',
      index,
      type: 'tool_call_chunk' as const,
    }));
    const last = new AIMessageChunk({
      content: '',
      tool_call_chunks,
      ...(message.id === undefined ? {} : { id: message.id }),
      ...(message.usage_metadata ? { usage_metadata: message.usage_metadata } : {}),
    });
    yield new ChatGenerationChunk({ text: '', message: last });
  }
}
