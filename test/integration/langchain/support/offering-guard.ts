import type { Call, Guard, Offer, Run, Step } from 'holdfast';

type AnyGuard = Guard<never, unknown>;

/** What a ladder would make of a call: edits of it, or an answer in its place. */
export type OfferFor = (call: Call) => Partial<Extract<Offer, { kind: 'call' }>['edits']> | { readonly answer: unknown } | undefined;

/** A guard that makes the offers it is told to make, so that doors can be seen to follow them. */
export function offeringGuard(guard: AnyGuard, offerFor: OfferFor): AnyGuard {
  const offered = (step: Step): Step => {
    const wanted = offerFor(step.call);
    if (!wanted || step.isJoined || step.offer.kind !== 'call') return step;
    const offer: Offer =
      'answer' in wanted
        ? { kind: 'answer', output: wanted.answer, from: 'test' }
        : { ...step.offer, edits: { ...step.offer.edits, ...wanted }, rungs: ['test'] };
    return withOther(step, 'offer', offer);
  };
  const offering = (run: Run): Run => {
    const begin = async (...args: Parameters<Run['begin']>): Promise<Step> => offered(await run.begin(...args));
    return withOther(run, 'begin', begin);
  };
  const runs = new WeakMap<Run, Run>();
  const known = (run: Run): Run => {
    const made = runs.get(run) ?? offering(run);
    runs.set(run, made);
    return made;
  };
  return { ...guard, start: (options) => known(guard.start(options)) };
}

/** The same object with one member changed. It may have private fields: all else is read from itself, and works on itself. */
const withOther = <T extends object>(of: T, name: keyof T, other: unknown): T =>
  new Proxy(of, {
    get(target, key) {
      const value: unknown = key === name ? other : Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
