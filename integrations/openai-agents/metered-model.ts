import type { Model } from '@openai/agents';
import { untilAborted, type MessageView, type Step } from 'holdfast';
import { agentRuns, type Seat } from './agent-runs.ts';
import { answered, answerEvents, haltAnswer, withoutCalls } from './answers.ts';
import { editedRequest, editsOfRequest } from './edited-request.ts';
import { eitherSignal, type AnyGuard, type ModelRequest, type ModelResponse, type StreamEvent } from './host.ts';
import { modelCall, type ModelFacts } from './model-call.ts';
import { meterUnseen, noteAsked } from './unseen-calls.ts';
import { modelResult, piecesOf, saysUsage, usageReport } from './step-result.ts';

/** A model behind a guard. */
export interface ModelDoor {
  readonly guard: AnyGuard;
  readonly model: Model;
  readonly facts: ModelFacts;
  readonly models: ((name: string) => Model | Promise<Model>) | undefined;
}

/** A call whose hold is in place. */
interface OpenCall {
  readonly seat: Seat;
  readonly step: Step;
  readonly model: Model;
  readonly request: ModelRequest;
  /** The call ends the run. */
  readonly isClosing: boolean;
}

type Begun = OpenCall | { readonly answer: unknown };

async function begin(door: ModelDoor, request: ModelRequest): Promise<Begun> {
  const { guard } = door;
  const seat = agentRuns(guard).ofModelCall();
  const { run } = seat;
  try {
    const call = modelCall(door.facts, request, seat.agent);
    await meterUnseen(run, request);
    const step = await run.begin(call, { canEdit: editsOfRequest(request, door.models !== undefined) });
    seat.begun(step);
    // Whoever opened a joined step has the offer; a door that joined it changes nothing.
    const offer = step.isJoined ? undefined : step.offer;
    if (offer?.kind === 'answer') {
      await step.end({ output: offer.output });
      seat.leave(true);
      return { answer: offer.output };
    }
    const allowed = offer ? await allowedCall(door, request, call.messages ?? [], step, offer.edits) : { model: door.model, request };
    const signal = eitherSignal(request.signal, run.signal);
    return { seat, step, model: allowed.model, request: { ...allowed.request, signal }, isClosing: offer?.isClosing === true };
  } catch (error) {
    return landed(guard, seat, error);
  }
}

type Edits = Extract<Step['offer'], { kind: 'call' }>['edits'];

async function allowedCall(
  { model, models }: ModelDoor,
  request: ModelRequest,
  views: readonly MessageView[],
  step: Step,
  edits: Edits,
): Promise<Pick<OpenCall, 'model' | 'request'>> {
  const edited = editedRequest(request, views, edits);
  const { model: other } = edits;
  if (!other) return { model, request: edited };
  try {
    const asked = isModel(other.instance) ? other.instance : await models?.(other.name);
    // A prompt that the provider keeps may name a model, too.
    return { model: asked ?? model, request: asked ? { ...edited, overridePromptModel: true } : edited };
  } catch (error) {
    await step.release();
    throw error;
  }
}

const isModel = (value: unknown): value is Model => typeof (value as Model | undefined)?.getResponse === 'function';

/** The fallback's answer, or a throw: of the halt's own error, the one instance, or of the error as it is. */
async function landed(guard: AnyGuard, { run, leave }: Seat, error: unknown): Promise<{ readonly answer: unknown }> {
  const answer = await haltAnswer(guard, run);
  leave(run.haltError !== undefined);
  if (answer) return { answer: answer.output };
  throw run.haltError ?? error;
}

/** One call that answers at once, as a step. */
export async function getResponse(door: ModelDoor, asked: ModelRequest): Promise<ModelResponse> {
  const begun = await begin(door, asked);
  if ('answer' in begun) return answered(begun.answer);
  const { seat, step, model, request, isClosing } = begun;
  let response: ModelResponse;
  try {
    response = await untilAborted(
      seat.run.signal,
      step.within(() => model.getResponse(request)),
    );
  } catch (error) {
    await step.fail(error);
    return answered((await landed(door.guard, seat, error)).answer);
  }
  const result = modelResult(response);
  if (!isClosing) noteAsked(seat.run, response.output, request, seat.agent);
  await step.end(result, usageReport(response));
  seat.leave(isClosing || !result.toolCalls?.length);
  return isClosing ? { ...response, output: withoutCalls(response.output) } : response;
}

/** One call that streams, as a step: what streams is counted, and cut when the guard says so. */
export async function* getStreamedResponse(door: ModelDoor, asked: ModelRequest): AsyncGenerator<StreamEvent> {
  const begun = await begin(door, asked);
  if ('answer' in begun) return yield* answerEvents(begun.answer);
  const { seat, step, model, request, isClosing } = begun;
  const { run } = seat;
  let source: AsyncIterator<StreamEvent> | undefined;
  let wasUsageSaid: boolean | undefined;
  let isBegun = false;
  /** The answer is whole and booked: a halt that comes of it takes nothing from it. */
  let isWhole = false;
  try {
    const events = step.within(() => model.getStreamedResponse(request)[Symbol.asyncIterator]());
    source = events;
    for (;;) {
      const reading = step.within(() => events.next());
      const next = await (isWhole ? reading : untilAborted(run.signal, reading));
      if (next.done) break;
      const event = next.value;
      isBegun = true;
      for (const { delta, channel } of piecesOf(event)) await step.stream(delta, channel);
      wasUsageSaid = saysUsage(event) === true ? true : (wasUsageSaid ?? saysUsage(event));
      if (event.type !== 'response_done') {
        yield event;
        continue;
      }
      const result = modelResult(event.response);
      const usage = usageReport(event.response, wasUsageSaid);
      if (!isClosing) noteAsked(run, event.response.output, request, seat.agent);
      // Some clients end a stream in order when it is aborted.
      if (!usage && asked.signal?.aborted) await step.fail(asked.signal.reason);
      else await step.end(result, usage);
      seat.leave(isClosing || !result.toolCalls?.length);
      isWhole = true;
      yield isClosing ? { ...event, response: { ...event.response, output: withoutCalls(event.response.output) } } : event;
    }
    if (!step.isOpen) return;
    await step.fail(new Error('the stream ended without its last event'));
    seat.leave(true);
  } catch (error) {
    if (!step.isOpen) throw error;
    closeSource(step, source);
    await step.fail(error);
    const { answer } = await landed(door.guard, seat, error);
    yield* answerEvents(answer, isBegun);
  } finally {
    if (step.isOpen) {
      // The consumer left before the end.
      closeSource(step, source);
      await step.fail(new Error('the stream was left before its end'));
      seat.leave(true);
    }
  }
}

/** The source may never answer again: nobody waits for it. */
function closeSource(step: Step, source: AsyncIterator<StreamEvent> | undefined): void {
  void step.within(async () => source?.return?.()).catch(() => {});
}
