import type { Callbacks } from '@langchain/core/callbacks/manager';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, type BaseMessage } from '@langchain/core/messages';
import type { Generation, LLMResult } from '@langchain/core/outputs';
import { linkedSignal, type Call, type CallEdits, type Run, type Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { attemptAround, withinAttempt, type AttemptWatch } from './attempt-context.ts';
import { hasAnswers } from './answered-handoffs.ts';
import { isBinding } from './bindings.ts';
import { handlersIn, signalInForce, withHandler } from './callbacks.ts';
import { editedMessages } from './edited-messages.ts';
import { editedModel, editsOfModel } from './edited-model.ts';
import { feltHalt } from './felt-halts.ts';
import { resultWithoutToolCalls } from './last-words.ts';
import { agentIn, currentNode } from './graph-node.ts';
import { messageViews } from './message-views.ts';
import { passHeededAnswers } from './interrupt-handoff.ts';
import { modelCall, modelFacts, settingsOf } from './model-call.ts';
import { modelResult } from './step-result.ts';
import { StreamMeter } from './stream-meter.ts';
import { usageReport } from './usage-report.ts';

type Options = Readonly<Record<string, unknown>>;

/** A call that a model is about to make. */
export interface ModelRequest {
  readonly model: BaseChatModel;
  readonly messages: BaseMessage[];
  readonly options: Options;
  readonly callbacks: Callbacks | undefined;
}

/** One try at a model call: the call as the guard allows it, and the ways in which it ends. */
export interface ModelAttempt extends ModelRequest {
  /** An answer that the guard gives instead; the attempt is over then. */
  readonly answer: AIMessage | undefined;
  /** The call ends its run: what it asks for is taken out of its answer. */
  readonly isClosing: boolean;
  /** Runs a part of the call: doors inside find the step. */
  within<T>(fn: () => T): T;
  /** Takes what streams where no callback sees it. */
  stream(delta: string, channel: 'text' | 'thinking'): void | Promise<void>;
  ended(message: unknown, isCached?: boolean): Promise<void>;
  /** Books the failure; gives the error to throw. */
  failed(error: unknown): Promise<unknown>;
}

export type BeginAttempt = (request: ModelRequest) => Promise<ModelAttempt>;

/** The run that a call belongs to, and what to do when the call is over. */
export interface RunSeat {
  readonly run: Run;
  /** The step's call, where the door that opened it has told of it already. */
  readonly call: Call | undefined;
  leave(): void | Promise<void>;
}

let attempts = 0;

/** Begins attempts in the runs that `seatOf` finds. */
export const attemptsIn =
  (guard: AnyGuard, seatOf: (request: ModelRequest) => RunSeat): BeginAttempt =>
  async (request) => {
    const seat = seatOf(request);
    attempts += 1;
    const around = attemptAround(guard);
    const key = around?.key ?? `attempt ${attempts}`;
    let step: Step | undefined;
    try {
      if (hasAnswers(seat.run.id)) await passHeededAnswers(seat.run.id);
      step = await seat.run.begin(seat.call ?? callOf(request), { key, canEdit: editsOfModel(request.model) });
      const { offer, isJoined } = step;
      // Whoever opened the step has the offer; a door that joined it changes nothing.
      if (isJoined) return openAttempt({ guard, seat, step, key, watch: around?.watch, answer: undefined, isClosing: false }, request);
      const opened = { guard, seat, step, key, watch: undefined, answer: undefined, isClosing: false };
      if (offer.kind === 'call')
        return openAttempt({ ...opened, isClosing: offer.isClosing === true }, editedRequest(request, offer.edits));
      await step.end({ output: offer.output });
      await seat.leave();
      return openAttempt({ ...opened, answer: answerMessage(offer.output) }, request);
    } catch (error) {
      // The host's own model may refuse to be built as the offer wants it: nothing was sent.
      await step?.release();
      feltHalt(seat.run);
      await seat.leave();
      throw error;
    }
  };

function callOf({ model, messages, options }: ModelRequest): ReturnType<typeof modelCall> {
  const bound = settingsOf((model as { defaultOptions?: unknown }).defaultOptions);
  const tools = options['tools'] ?? bound['tools'];
  const { agent } = agentIn(currentNode()?.id);
  const call = modelCall(
    modelFacts(model),
    messageViews(messages),
    Array.isArray(tools) ? tools : undefined,
    options,
    bound,
    model as unknown as Options,
  );
  return agent === undefined ? call : { ...call, agent };
}

interface OpenedAttempt {
  readonly guard: AnyGuard;
  readonly seat: RunSeat;
  readonly step: Step;
  readonly key: string;
  /** Who wants to know how it comes out. */
  readonly watch: AttemptWatch | undefined;
  readonly answer: AIMessage | undefined;
  readonly isClosing: boolean;
}

function openAttempt({ guard, seat, step, key, watch, answer, isClosing }: OpenedAttempt, request: ModelRequest): ModelAttempt {
  const { model, messages, options } = request;
  // Without another handler nothing streams in here, and a handler would only cost time.
  const streamMeter = !answer && hasHandlers(request) ? new StreamMeter(guard, step) : undefined;
  const own = signalInForce(options['signal']);
  const link = !answer && own instanceof AbortSignal ? linkedSignal(own, step.signal) : undefined;
  const leave = (): void | Promise<void> => {
    link?.unlink();
    streamMeter?.close();
    return seat.leave();
  };
  return {
    model,
    messages,
    options: { ...options, signal: link?.signal ?? step.signal },
    callbacks: streamMeter ? withHandler(request.callbacks, streamMeter) : request.callbacks,
    answer,
    isClosing,
    within: (fn) => withinAttempt(step, key, watch, fn),
    stream: (delta, channel) => step.stream(delta, channel),
    async ended(message, isCached = false) {
      if (watch) watch.newest = 'ok';
      const result = modelResult(message);
      await step.end(isCached ? { ...result, cached: true } : result, usageReport({ message }));
      await leave();
    },
    async failed(error) {
      if (watch) watch.newest = 'failed';
      await step.fail(error);
      await leave();
      return feltHalt(seat.run) ?? error;
    },
  };
}

/** Settles a call that was made at once; gives what its caller is to get. */
export async function completed(attempt: ModelAttempt, result: LLMResult): Promise<LLMResult> {
  const generation = result.generations[0]?.[0];
  const message = (generation as { message?: unknown } | undefined)?.message ?? { content: generation?.text ?? '' };
  await attempt.ended(message, isFromCache(generation, message));
  return attempt.isClosing ? resultWithoutToolCalls(result) : result;
}

/** LangChain's cache empties the totals of what it gives out, and sets the usage to zero. */
function isFromCache(generation: Generation | undefined, message: unknown): boolean {
  const totals: unknown = generation?.generationInfo?.['tokenUsage'];
  const { usage_metadata: usage } = message as { usage_metadata?: { total_tokens?: unknown } };
  return typeof totals === 'object' && totals !== null && Object.keys(totals).length === 0 && usage?.total_tokens === 0;
}

function editedRequest(request: ModelRequest, edits: CallEdits): ModelRequest {
  const messages = edits.messages ? editedMessages(request.messages, edits.messages) : request.messages;
  const model = editedModel(request.model, edits) as BaseChatModel;
  const options = edits.tools ? { ...request.options, ...keptTools(request, edits.tools) } : request.options;
  if (model.constructor === request.model.constructor) return { ...request, model, messages, options };
  return { ...request, messages, ...withToolsOf({ ...request, options }, model) };
}

function keptTools({ model, options }: ModelRequest, names: readonly string[]): Options {
  const tools = options['tools'] ?? settingsOf((model as { defaultOptions?: unknown }).defaultOptions)['tools'];
  if (!Array.isArray(tools)) return {};
  const nameOf = (tool: unknown): unknown => settingsOf(settingsOf(tool)['function'])['name'] ?? settingsOf(tool)['name'];
  const kept = tools.filter((tool) => names.includes(nameOf(tool) as string));
  return kept.length > 0 ? { tools: kept } : { tools: undefined, tool_choice: undefined };
}

/** Another provider's model wants the tools in its own way. */
function withToolsOf({ model: asked, options }: ModelRequest, model: BaseChatModel): { model: BaseChatModel; options: Options } {
  const { tools, ...others } = { ...settingsOf((asked as { defaultOptions?: unknown }).defaultOptions), ...options };
  if (!Array.isArray(tools) || typeof model.bindTools !== 'function') return { model, options: others };
  const bound: unknown = model.bindTools(tools);
  if (isBinding(bound)) return { model: bound.bound as BaseChatModel, options: { ...others, ...settingsOf(bound.kwargs) } };
  return { model: bound as BaseChatModel, options: others };
}

/** An answer of the guard's as the host's own message. */
export function answerMessage(output: unknown): AIMessage {
  if (AIMessage.isInstance(output)) return output;
  return new AIMessage(typeof output === 'string' ? output : JSON.stringify(output ?? ''));
}

const hasHandlers = ({ callbacks, model }: ModelRequest): boolean =>
  handlersIn(callbacks).length > 0 || handlersIn(model.callbacks).length > 0;
