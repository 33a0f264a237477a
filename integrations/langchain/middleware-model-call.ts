import { AIMessage, SystemMessage, type BaseMessage } from '@langchain/core/messages';
import type { CallEdits, MessageView, Run, Step } from 'holdfast';
import { watchingAttempts, type AttemptWatch } from './attempt-context.ts';
import { calledModel } from './configurable-model.ts';
import { editedMessages } from './edited-messages.ts';
import { editedModel, editsOfModel } from './edited-model.ts';
import { feltHalt } from './felt-halts.ts';
import { closedGaps } from './gaps.ts';
import { hasAnswers } from './answered-handoffs.ts';
import { agentIn } from './graph-node.ts';
import { isPause } from './host-errors.ts';
import { passHeededAnswers } from './interrupt-handoff.ts';
import { hasLanded } from './graceful-signal.ts';
import { haltAnswer } from './halt-answers.ts';
import { messageView, messageViews } from './message-views.ts';
import { withoutToolCalls } from './last-words.ts';
import { meteredModel } from './metered-model.ts';
import { passedOn, type MiddlewareHost } from './middleware-host.ts';
import type { MiddlewareRuns, MiddlewareRuntime } from './middleware-runs.ts';
import { answerMessage, attemptsIn } from './model-attempt.ts';
import { innermost, modelCall, modelFacts, settingsOf, wireTools } from './model-call.ts';
import { repairedThread } from './repaired-thread.ts';
import { modelResult } from './step-result.ts';
import { usageReport } from './usage-report.ts';

/** The part of `createAgent`'s model request that the guard reads and changes. */
export interface ModelHookRequest {
  readonly model: unknown;
  readonly messages: readonly BaseMessage[];
  readonly systemMessage?: SystemMessage | undefined;
  readonly systemPrompt?: string | undefined;
  readonly tools?: readonly unknown[] | undefined;
  readonly toolChoice?: unknown;
  readonly modelSettings?: Readonly<Record<string, unknown>> | undefined;
  readonly runtime: MiddlewareRuntime;
}

export type ModelHookNext = (request: ModelHookRequest) => Promise<unknown>;

/** A call as the agent asked for it, its history without gaps. */
interface AskedCall {
  readonly request: ModelHookRequest;
  readonly views: readonly MessageView[];
  /** Whether gaps were closed: then the thread is to be written anew. */
  readonly isRepaired: boolean;
}

/** One model call of an agent, as a step. */
export async function guardedModelCall(host: MiddlewareHost, request: ModelHookRequest, next: ModelHookNext): Promise<unknown> {
  const views = messageViews(request.messages);
  const messages = closedGaps(request.messages, views);
  const isRepaired = messages !== request.messages;
  const asked: AskedCall = isRepaired
    ? { request: { ...request, messages }, views: messageViews(messages), isRepaired }
    : { request, views, isRepaired };
  const found = host.runs.runOf(request.runtime, messages.at(-1)?.getType() === 'human');
  return modelStep(host, found instanceof Promise ? await found : found, asked, next);
}

async function modelStep(host: MiddlewareHost, run: Run, asked: AskedCall, next: ModelHookNext): Promise<unknown> {
  const { guard, runs } = host;
  let step: Step | undefined;
  const watch: AttemptWatch = { newest: 'none' };
  try {
    const { model: given, runtime } = asked.request;
    const called = calledModel(given, runtime.configurable);
    const request = called === given ? asked.request : { ...asked.request, model: called instanceof Promise ? await called : called };
    if (hasAnswers(run.id)) await passHeededAnswers(run.id);
    const inner = innermost(request.model);
    const settings = settingsOf(request.modelSettings);
    const call = modelCall(modelFacts(inner), withSystemView(request, asked.views), wireTools(request.tools), settings, inner);
    const { agent } = agentIn(settingsOf(runtime.configurable)['checkpoint_ns']);
    step = await run.begin(agent === undefined ? call : { ...call, agent }, { canEdit: editsOfModel(request.model) });
    const { offer } = step;
    if (offer.kind === 'answer') {
      await step.end({ output: offer.output });
      return finished(runs, run, asked, answerMessage(offer.output));
    }
    const edited = editedRequest(request, offer.edits);
    const begun = step;
    const seat = { run, call: begun.call, leave: () => {} };
    const model = meteredModel(
      edited.model,
      attemptsIn(guard, () => seat),
    );
    const response = await watchingAttempts(begun, watch, () => next({ ...edited, model }));
    await settle(run, begun, watch, answerIn(response));
    return finished(runs, run, asked, isClosing(begun) ? withoutToolCalls(response) : response);
  } catch (error) {
    await step?.fail(error);
    if (isPause(error)) {
      await runs.rest(run, 'wait');
      throw error;
    }
    // A last call that failed leaves the run to whoever comes after it on the ladder.
    if (step && isClosing(step) && !run.haltError) return modelStep(host, run, asked, next);
    feltHalt(run);
    const answer = await haltAnswer(guard, run);
    if (answer) return finished(runs, run, asked, answerMessage(answer.output));
    await runs.rest(run, 'end');
    if (run.haltError) {
      // LangChain puts a layer around what is thrown here; of an abort it gives the reason itself.
      hasLanded(run);
      throw run.haltError;
    }
    throw passedOn(error);
  }
}

/** The answer as the agent gets it: its run rests, and a thread that had gaps is written anew. */
function finished(runs: MiddlewareRuns, run: Run, { request, isRepaired }: AskedCall, response: unknown): unknown {
  const saving = runs.rest(run, answerIn(response)?.tool_calls?.length ? 'more' : 'end');
  const answer = isRepaired && AIMessage.isInstance(response) ? repairedThread(request.messages, response) : response;
  return saving ? saving.then(() => answer) : answer;
}

const isClosing = ({ offer }: Step): boolean => offer.kind === 'call' && offer.isClosing === true;

/**
 * Books the answer. Where the newest attempt that was seen had failed, a model that nobody saw has answered (another
 * middleware put it in): that was an attempt of its own.
 */
async function settle(run: Run, step: Step, watch: AttemptWatch, answer: AIMessage | undefined): Promise<void> {
  // The attempt has told what came of it, closer to the provider than this hook is.
  if (watch.newest === 'ok') return step.end();
  const result = answer ? modelResult(answer) : {};
  const usage = answer && usageReport({ message: answer });
  if (watch.newest === 'failed') {
    const unseen = await step.within(() => run.begin(step.call)).catch(() => undefined);
    await unseen?.end(result, usage);
  }
  await step.end(result, usage);
}

/** The model's message in whatever a hook inside gave back. */
function answerIn(response: unknown): AIMessage | undefined {
  if (AIMessage.isInstance(response)) return response;
  const { messages } = settingsOf(response);
  return Array.isArray(messages) ? messages.find((message): message is AIMessage => AIMessage.isInstance(message)) : undefined;
}

const hasSystem = ({ systemMessage }: ModelHookRequest): boolean => systemMessage !== undefined && systemMessage.text !== '';

/** What goes over the wire: the system message first, where there is one. */
const withSystemView = (request: ModelHookRequest, views: readonly MessageView[]): readonly MessageView[] =>
  hasSystem(request) && request.systemMessage ? [messageView(request.systemMessage), ...views] : views;

/** The messages themselves in that order. */
const historyOf = (request: ModelHookRequest): BaseMessage[] =>
  hasSystem(request) && request.systemMessage ? [request.systemMessage, ...request.messages] : [...request.messages];

/** The request as the guard allows it. */
function editedRequest(request: ModelHookRequest, edits: CallEdits): ModelHookRequest {
  const model = editedModel(request.model, edits);
  const { tools: names, messages: messageEdits } = edits;
  const tools = names && request.tools?.filter((tool) => names.includes(toolName(tool)));
  const edited = { ...request, model, ...(tools ? { tools, ...(tools.length === 0 ? { toolChoice: undefined } : {}) } : {}) };
  if (!messageEdits) return edited;
  const messages = editedMessages(historyOf(request), messageEdits);
  if (!hasSystem(request)) return { ...edited, messages };
  const [first, ...others] = messages;
  if (SystemMessage.isInstance(first)) {
    return first === request.systemMessage ? { ...edited, messages: others } : withSystem(edited, first, others);
  }
  return withSystem(edited, new SystemMessage(''), messages);
}

/** `createAgent` takes either form of the system prompt, but not a change of both. */
const withSystem = (request: ModelHookRequest, systemMessage: SystemMessage, messages: BaseMessage[]): ModelHookRequest => ({
  ...request,
  systemMessage,
  messages,
});

const toolName = (tool: unknown): string => {
  const name = settingsOf(tool)['name'] ?? settingsOf(settingsOf(tool)['function'])['name'];
  return typeof name === 'string' ? name : '';
};
