import fc from 'fast-check';

/** What a random history of a guard is made of. Numbers pick among what is there, so that every command means something. */
export type RunCommand =
  | { readonly do: 'start'; readonly user: number; readonly session: number; readonly inside: number | null; readonly own: OwnLimits }
  | { readonly do: 'beginModel'; readonly run: number; readonly cap: number }
  | { readonly do: 'beginTool'; readonly run: number }
  | { readonly do: 'beginMany'; readonly run: number; readonly count: number }
  | { readonly do: 'end'; readonly step: number; readonly input: number; readonly output: number }
  | { readonly do: 'endUnknown'; readonly step: number }
  | { readonly do: 'refused'; readonly step: number }
  | { readonly do: 'release'; readonly step: number }
  | { readonly do: 'endTwice'; readonly step: number; readonly input: number; readonly output: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'endRun'; readonly run: number };

export interface OwnLimits {
  readonly run?: { readonly steps?: number; readonly tokens?: number };
  readonly user?: { readonly steps?: number };
}

const pick = fc.nat({ max: 1_000 });
const tokens = fc.integer({ min: 0, max: 400 });

const ownLimits: fc.Arbitrary<OwnLimits> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ run: fc.record({ steps: fc.integer({ min: 0, max: 6 }) }) }) },
  { weight: 1, arbitrary: fc.record({ run: fc.record({ tokens: fc.integer({ min: 50, max: 1_500 }) }) }) },
  { weight: 1, arbitrary: fc.record({ user: fc.record({ steps: fc.integer({ min: 0, max: 8 }) }) }) },
);

export const runCommands: fc.Arbitrary<RunCommand[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('start' as const),
        user: fc.nat({ max: 1 }),
        session: fc.nat({ max: 1 }),
        inside: fc.option(pick),
        own: ownLimits,
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('beginModel' as const), run: pick, cap: fc.integer({ min: 1, max: 300 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('beginTool' as const), run: pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('beginMany' as const), run: pick, count: fc.integer({ min: 2, max: 6 }) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('end' as const), step: pick, input: tokens, output: tokens }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('endUnknown' as const), step: pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refused' as const), step: pick }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), step: pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('endTwice' as const), step: pick, input: tokens, output: tokens }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 100_000 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('endRun' as const), run: pick }) },
  ),
  { maxLength: 60 },
);
