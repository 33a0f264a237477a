import type { Offer } from '../core/offer.ts';
import type { Call } from '../core/step.ts';
import { beginStep } from './begin.ts';
import type { RunCore } from './run-core.ts';
import type { Work } from './step.ts';

/** The whole of a step, made of its halves. A last call that failed is made again as the next rung allows it. */
export async function wholeStep<T>(
  core: RunCore,
  call: Call,
  work: (offer: Extract<Offer, { kind: 'call' }>, signal: AbortSignal) => Work<T> | Promise<Work<T>>,
): Promise<T> {
  const begun = await beginStep(core, call);
  const { offer } = begun;
  if (offer.kind === 'answer') {
    await begun.end({ output: offer.output });
    return offer.output as T;
  }
  try {
    const { output, usage, result } = await begun.within(() => work(offer, core.signal));
    await begun.end({ ...result, output }, usage);
    return output;
  } catch (error) {
    await begun.fail(error);
    const stopped = core.haltError();
    if (offer.isClosing && !stopped) return wholeStep(core, call, work);
    throw stopped ?? error;
  }
}
