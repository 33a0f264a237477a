import type { Run } from './run.ts';
import type { RunCore } from './run-core.ts';

/** `run.step`: the whole of a step, made of its halves. A last call that failed is made again as the next rung allows it. */
export function wholeStep(coreOf: () => RunCore): Run['step'] {
  const step: Run['step'] = async (call, work) => {
    const begun = await coreOf().run.begin(call);
    const { offer } = begun;
    if (offer.kind === 'answer') {
      await begun.end({ output: offer.output });
      return offer.output as Awaited<ReturnType<typeof work>>['output'];
    }
    try {
      const { output, usage, result } = await begun.within(() => work(offer, coreOf().signal));
      await begun.end({ ...result, output }, usage);
      return output;
    } catch (error) {
      await begun.fail(error);
      const stopped = coreOf().haltError();
      if (offer.isClosing && !stopped) return step(call, work);
      throw stopped ?? error;
    }
  };
  return step;
}
