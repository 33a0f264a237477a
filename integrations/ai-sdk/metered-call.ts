import { untilAborted } from 'holdfast';
import { generated, streamed } from './answers.ts';
import { landed } from './halted-call.ts';
import type { CallParams, GenerateResult, HostModel, StreamResult } from './host.ts';
import { meteredStream } from './metered-stream.ts';
import { begin, leaveAnswered, thrownUnlessAnswered, type ModelDoor } from './open-call.ts';
import { modelResult, usageReport } from './step-result.ts';

/** One call that answers at once, as a step. */
export async function generatedCall(door: ModelDoor, model: HostModel, params: CallParams): Promise<GenerateResult> {
  const begun = await begin(door, model, params);
  if ('answer' in begun) return generated(begun.answer);
  const { seat, step } = begun;
  let result: GenerateResult;
  try {
    result = await untilAborted(
      seat.run.signal,
      step.within(() => begun.model.doGenerate(begun.params)),
    );
  } catch (error) {
    await step.fail(error);
    return generated(thrownUnlessAnswered(await landed(door.guard, seat, error, params)).answer);
  }
  await step.end(modelResult(result.content, result.response?.modelId), usageReport(result.usage));
  const kept = begun.isClosing ? withoutToolCalls(result) : result;
  await leaveAnswered(seat, kept.content, params.abortSignal);
  return kept;
}

/** One call that streams, as a step. */
export async function streamedCall(door: ModelDoor, model: HostModel, params: CallParams): Promise<StreamResult> {
  const begun = await begin(door, model, params);
  if ('answer' in begun) return streamed(begun.answer);
  const { seat, step } = begun;
  let result: StreamResult;
  try {
    result = await untilAborted(
      seat.run.signal,
      step.within(() => begun.model.doStream(begun.params)),
    );
  } catch (error) {
    await step.fail(error);
    return streamed(thrownUnlessAnswered(await landed(door.guard, seat, error, params)).answer);
  }
  return { ...result, stream: meteredStream(door.guard, begun, params.abortSignal, result.stream) };
}

/** The last answer of a run asks for nothing more, whatever the model says. */
function withoutToolCalls(result: GenerateResult): GenerateResult {
  const content = result.content.filter((part) => part.type !== 'tool-call' || part.providerExecuted === true);
  if (content.length === result.content.length) return result;
  return { ...result, content, finishReason: { unified: 'stop', raw: result.finishReason.raw } };
}
