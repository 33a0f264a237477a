import { untilAborted } from 'holdfast';
import { answerParts } from './answers.ts';
import { landed } from './halted-call.ts';
import { detached, type AnyGuard, type Content, type StreamPart, type StreamResult } from './host.ts';
import { leaveAnswered, type OpenCall } from './open-call.ts';
import { modelResult, usageReport } from './step-result.ts';

type Finish = Extract<StreamPart, { type: 'finish' }>;

/** The parts of a stream put together again: what detectors and the next call want to know of it. */
interface Whole {
  take(part: StreamPart): void;
  readonly content: readonly Content[];
  readonly model: string | undefined;
  /** Text and thinking that were begun and not ended. */
  readonly open: readonly StreamPart[];
}

function wholeOfParts(): Whole {
  const content: Content[] = [];
  const texts = new Map<string, { type: 'text' | 'reasoning'; text: string }>();
  const open = new Map<string, StreamPart>();
  let model: string | undefined;
  const add = (type: 'text' | 'reasoning', id: string, delta: string): void => {
    const known = texts.get(`${type} ${id}`) ?? { type, text: '' };
    if (!texts.has(`${type} ${id}`)) {
      texts.set(`${type} ${id}`, known);
      content.push(known);
    }
    known.text += delta;
  };
  return {
    content,
    get model() {
      return model;
    },
    get open() {
      return [...open.values()];
    },
    take(part) {
      switch (part.type) {
        case 'text-start':
          open.set(`text ${part.id}`, { type: 'text-end', id: part.id });
          break;
        case 'reasoning-start':
          open.set(`reasoning ${part.id}`, { type: 'reasoning-end', id: part.id });
          break;
        case 'text-end':
          open.delete(`text ${part.id}`);
          break;
        case 'reasoning-end':
          open.delete(`reasoning ${part.id}`);
          break;
        case 'text-delta':
          add('text', part.id, part.delta);
          break;
        case 'reasoning-delta':
          add('reasoning', part.id, part.delta);
          break;
        case 'tool-call':
        case 'tool-result':
          content.push(part);
          break;
        case 'response-metadata':
          model = part.modelId ?? model;
          break;
        default:
      }
    },
  };
}

/**
 * The stream of a call, part by part as it is asked for: what streams is counted and cut when the guard says so, the step is
 * settled before the end is told, and also when the consumer leaves early or aborts. A cut stream ends as the SDK's streams
 * end with an error, or with the fallback's answer.
 */
export function meteredStream(
  guard: AnyGuard,
  { seat, step, params, isClosing }: OpenCall,
  abortSignal: AbortSignal | undefined,
  stream: StreamResult['stream'],
): StreamResult['stream'] {
  const { run } = seat;
  const reader = stream.getReader();
  const whole = wholeOfParts();
  let failure: { readonly error: unknown } | undefined;
  /** The answer is whole and booked: a halt that comes of it takes nothing from it. */
  let isWhole = false;

  const left = (reason: unknown): void => {
    if (!step.isOpen) return;
    detached(step.fail(reason ?? new Error('the stream was left before its end')).then(() => seat.leave('ended')));
  };
  // A consumer that aborts does not ask for another part.
  const onAbort = (): void => left(abortSignal?.reason);
  if (abortSignal?.aborted) onAbort();
  else abortSignal?.addEventListener('abort', onAbort, { once: true });
  const over = (): void => abortSignal?.removeEventListener('abort', onAbort);

  async function counted(part: StreamPart): Promise<void> {
    whole.take(part);
    if (part.type === 'text-delta' || part.type === 'tool-input-delta') await step.stream(part.delta);
    else if (part.type === 'reasoning-delta') await step.stream(part.delta, 'thinking');
    else if (part.type === 'error') failure ??= { error: part.error };
  }

  async function settled(finish: Finish | undefined): Promise<void> {
    over();
    if (!step.isOpen) return;
    const usage = usageReport(finish?.usage);
    const said = usage?.inputTokens === undefined && usage?.outputTokens === undefined ? undefined : usage;
    if (failure || !finish) {
      const error = failure?.error ?? new Error('the stream ended without its last part');
      await step.fail(error, said);
    } else await step.end(modelResult(whole.content, whole.model), said);
    if (failure) await seat.leave('ended');
    else await leaveAnswered(seat, isClosing ? [] : whole.content, abortSignal);
  }

  /** What the consumer gets of a part. */
  function passedOn(part: StreamPart): StreamPart | undefined {
    if (!isClosing) return part;
    // The last answer of a run asks for nothing more, whatever the model says.
    if (part.type === 'tool-call' || part.type.startsWith('tool-input')) return undefined;
    const isAsking = part.type === 'finish' && part.finishReason.unified === 'tool-calls';
    return isAsking ? { ...part, finishReason: { unified: 'stop', raw: part.finishReason.raw } } : part;
  }

  async function failed(error: unknown, controller: ReadableStreamDefaultController<StreamPart>): Promise<void> {
    over();
    detached(reader.cancel(error));
    await step.fail(error);
    const landing = await landed(guard, seat, error, params);
    if ('answer' in landing) {
      for (const end of whole.open) controller.enqueue(end);
      for (const part of answerParts(landing.answer)) controller.enqueue(part);
      controller.close();
    } else if (landing.error === run.haltError) {
      controller.enqueue({ type: 'error', error: landing.error });
      controller.close();
    } else controller.error(landing.error);
  }

  return new ReadableStream<StreamPart>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const reading = step.within(() => reader.read());
            const next = await (isWhole ? reading : untilAborted(run.signal, reading));
            if (next.done) {
              await settled(undefined);
              controller.close();
              return;
            }
            const part = next.value;
            await counted(part);
            if (part.type === 'finish') {
              await settled(part);
              isWhole = true;
            }
            const kept = passedOn(part);
            if (kept === undefined) continue;
            controller.enqueue(kept);
            return;
          }
        } catch (error) {
          await failed(error, controller);
        }
      },
      async cancel(reason) {
        over();
        left(reason);
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
