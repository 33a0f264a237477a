import fc from 'fast-check';
import {
  cheaperModel,
  createGuard,
  heldBackCall,
  memoryStore,
  notice,
  shorterReplies,
  type MessageView,
  type Run,
  type Store,
} from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';

/** What a random agent does in a turn: it says so much, asks for tools, fails, takes its time; then its process may end. */
interface Turn {
  readonly tokens: number;
  readonly cap: number | undefined;
  readonly status: 200 | 400 | 500;
  readonly calls: readonly { readonly name: string; readonly args: number; readonly output: number }[];
  readonly waitMs: number;
  readonly isCut: boolean;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  tokens: fc.integer({ min: 0, max: 40 }),
  cap: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  status: fc.constantFrom(200, 200, 200, 200, 400, 500),
  calls: fc.array(fc.record({ name: fc.constantFrom('look', 'read'), args: fc.nat(2), output: fc.nat(1) }), { maxLength: 3 }),
  waitMs: fc.constantFrom(0, 0, 500, 5_000),
  isCut: fc.boolean(),
});

const limits = fc.record({
  run: fc.record({
    steps: fc.integer({ min: 4, max: 60 }),
    usd: fc.constantFrom(0.01, 0.03, 1),
    tokens: fc.constantFrom(500, 3_000, 100_000),
    duration: fc.constantFrom('8s' as const, '1h' as const),
  }),
  user: fc.record({ modelCalls: fc.integer({ min: 3, max: 30 }), usd: fc.constantFrom<number>(0.02, 1) }),
});

const price = { input: 10, output: 40 };
/** Of models that answer under another name nothing is learnt: what a process has learnt of counting is its own. */
const prices = { asked: price, small: { input: 1, output: 4 }, answering: price };
const ladder = [
  notice(),
  heldBackCall(),
  cheaperModel('small', { at: 0.5, on: ['usd', 'tokens'] }),
  shorterReplies({ at: 0.7, maxOutputTokens: 20 }),
];

/** Plays the turns, and goes on in another process where they say so. Returns all that was seen of it. */
async function play(turns: readonly Turn[], budgets: typeof limits extends fc.Arbitrary<infer T> ? T : never, makeStore: () => Store) {
  const clock = fakeClock();
  const shared = makeStore();
  const seen: unknown[] = [];
  let current = 0;
  const processOf = () => {
    const own = (current += 1);
    // A process that is gone tells of nothing more.
    const note = (what: unknown): void => void (own === current && seen.push(what));
    const guard = createGuard({ clock, store: shared, prices, budgets, ladder, minUseful: 1, maxOutputTokens: 50, margin: 0 });
    guard.on('run:halt', ({ halt }) => note({ halt }));
    guard.on('loop:verdict', ({ verdict }) => note({ verdict }));
    guard.on('ladder:climb', ({ rung, step, detail }) => note({ rung, step, detail }));
    return guard;
  };
  let run: Run = processOf().start({ id: 'one', scopes: { user: 'u' } });
  const messages: MessageView[] = [{ role: 'user', text: 'Find tea.' }];
  let cuts = 0;

  async function step(call: Parameters<Run['begin']>[0], work: (end: Awaited<ReturnType<Run['begin']>>) => Promise<unknown>) {
    try {
      const begun = await run.begin(call);
      seen.push({ index: begun.index, offer: begun.offer });
      await work(begun);
      return begun.offer;
    } catch (error) {
      seen.push({ refused: (error as Error).message });
      return undefined;
    }
  }

  for (const { tokens, cap, status, calls, waitMs, isCut } of turns) {
    const call = { kind: 'model', model: 'asked', messages: [...messages], ...(cap !== undefined && { maxOutputTokens: cap }) } as const;
    const toolCalls = calls.map(({ name, args }, place) => ({ name, args: { args }, id: `c${messages.length}-${place}` }));
    const offer = await step(call, async (begun) => {
      if (status !== 200) return begun.fail(Object.assign(new Error('no'), { status }));
      const usage = { inputTokens: 5 + messages.length, outputTokens: tokens };
      return begun.end({ text: `word ${tokens}`, model: 'answering', toolCalls }, usage);
    });
    clock.advance(waitMs);
    if (offer && status === 200) {
      messages.push({ role: 'assistant', text: `word ${tokens}`, toolCalls });
      for (const [place, { name, args, output }] of calls.entries()) {
        const id = toolCalls[place]?.id;
        await step({ kind: 'tool', name, args: { args }, ...(id && { id }) }, (begun) => begun.end({ output: `page ${output}` }));
        messages.push({ role: 'tool', name, text: `page ${output}`, ...(id && { toolCallId: id }) });
      }
    }
    if (!isCut || run.halted) continue;
    cuts += 1;
    run = processOf().start({ resume: JSON.parse(JSON.stringify(run.snapshot())) });
  }
  const report = run.report();
  const { halt, interventions } = report;
  // Plain data: the evidence of a verdict stays in its process.
  return { cuts, isHalted: halt !== undefined, rungs: interventions.length, all: JSON.parse(JSON.stringify({ seen, report })) as unknown };
}

/** How near others' limits are is told by the store: where it answers later, a process knows it from its second step on. */
describe.each<[string, boolean, () => Store]>([
  ['with a store of this process', true, memoryStore],
  ['with a store that answers later', false, () => ({ ...memoryStore(), inProcess: false })],
])('a run that is cut anywhere and goes on from its snapshot, %s', (_, isNear, makeStore) => {
  it('is offered, refused, judged and billed the same as one that is not cut', async () => {
    const [counts, numRuns] = [{ cuts: 0, halts: 0, rungs: 0 }, 40];
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 2, maxLength: 20, size: 'max' }), limits, async (turns, budgets) => {
        const all = isNear ? budgets : { ...budgets, user: { modelCalls: 1_000, usd: 1_000 } };
        const uncut = turns.map((each) => ({ ...each, isCut: false }));
        const [whole, inPieces] = [await play(uncut, all, makeStore), await play(turns, all, makeStore)];
        expect(inPieces.all).toEqual(whole.all);
        counts.cuts += inPieces.cuts;
        counts.halts += whole.isHalted ? 1 : 0;
        counts.rungs += whole.rungs;
      }),
      { numRuns, seed: 20_260_115 },
    );
    // Not a property of nothing: runs were cut, halted, and helped down the ladder.
    expect(Math.min(counts.cuts, counts.halts, counts.rungs)).toBeGreaterThan(numRuns / 5);
  });
});
