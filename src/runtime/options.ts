import { z } from 'zod';
import type { BuiltinScope, Limits, RunBudget, ScopeBudget, StoreErrorPolicy } from '../core/budget.ts';
import type { Duration } from '../core/duration.ts';
import type { Halt } from '../core/halt.ts';
import { detectorList, loopOptions, toolPolicies, type LoopOptions } from '../loops/options.ts';
import { meterOptions, type MeterOptions } from '../meter/options.ts';
import { inputLimit } from '../ladder/input-limit.ts';
import { inputOption, type InputOptions } from '../ladder/input-option.ts';
import { ladderOption, type LadderOption } from '../ladder/options.ts';
import type { Store } from '../stores/store.ts';
import type { Clock } from './clock.ts';
import type { Run } from './run.ts';
import { alertAt, budgets, fn, headroom, limits, onExpire, onStoreError, requiredScope, scopeBudget, shortDuration } from './validation.ts';

/** The budgets of a guard, by scope. `S` collects the names, so that a run can only name scopes that exist. */
export type Budgets<S extends string> = { readonly [K in S]?: K extends 'run' ? RunBudget : ScopeBudget };

/** A run's own budgets: they only ever tighten, and only what this run may spend. */
export type RunBudgets<S extends string> = { readonly run?: RunBudget | undefined } & {
  readonly [K in Exclude<S | BuiltinScope, 'run'>]?: Limits | undefined;
};

/** Ids by scope: for whom a run works. */
export type ScopeIds<S extends string> = { readonly [K in Exclude<S | BuiltinScope, 'run' | 'global'>]?: string | number | undefined };

/** Gives an answer in place of an error when a run is halted. It may be asynchronous; it has 30 seconds. */
export type Fallback = (halt: Halt, run: Run) => unknown;

/** Bounds on model calls in flight at once; waiting calls are served round robin over runs. */
export interface Concurrency {
  readonly guard?: number | undefined;
  readonly run?: number | undefined;
}

/** The options of `createGuard`. All are optional: without any, a run may take 250 steps and loops are detected. */
export interface GuardOptions<S extends string> extends MeterOptions, Omit<LoopOptions, 'onDetectorError'> {
  /** Limits by scope. Default: `run: { steps: 250 }` (of 249 real successful runs the longest had 119 steps). */
  readonly budgets?: Budgets<S> | undefined;
  /** Where budgets are kept. Default: in this process, `memoryStore()`. */
  readonly store?: Store | undefined;
  /**
   * What is done before a run is halted: a preset (`gentle`, `standard`, `strict`, or `shadow`, which only reports), or rungs
   * in their order. Default: none.
   */
  readonly ladder?: LadderOption | undefined;
  /**
   * How large the input of one model call may be, for all features and for single ones, and what becomes of a larger one.
   * It is met before it is sent, and before any rung of the ladder. Default: as large as the budget allows.
   */
  readonly input?: InputOptions | undefined;
  /** Answers in place of an error when a run is halted. */
  readonly fallback?: Fallback | undefined;
  /** Model calls in flight at once: a number for the guard, or `{ guard, run }`. Default: no bound. */
  readonly concurrency?: number | Concurrency | undefined;
  /** Shares of a limit at which `budget:alert` fires. Default `[0.5, 0.8, 0.95]`. */
  readonly alertAt?: readonly number[] | undefined;
  /** The share of usd and token limits that is never used. Default 0; 0.1 to 0.2 leaves room for what estimates miss. */
  readonly headroom?: number | undefined;
  /** The fewest output tokens that a call is still worth making for, when a budget runs low. Default 256. */
  readonly minUseful?: number | undefined;
  /** Lets models without a known price run under a USD budget; they count as 0 dollars. Default false. */
  readonly allowUnpriced?: boolean | undefined;
  /** Scopes whose id must be given: a run without one is refused. Default: the shared account `anonymous` is used. */
  readonly requireScopes?: readonly NoInfer<Exclude<S | BuiltinScope, 'run' | 'global'>>[] | undefined;
  /** How long a hold lives unless it is extended. Default `'60s'`. */
  readonly holdTtl?: Duration | undefined;
  /** What a dead worker's hold does when it expires: free its amount, or go on counting. Default `'release'`. */
  readonly onExpire?: 'release' | 'charge' | undefined;
  /** What happens while the store does not answer. Default: `'closed'` for accounts with a usd limit, else `'open'`. */
  readonly onStoreError?: StoreErrorPolicy | undefined;
  /** The longest a store may take to answer. Default `'2s'`. */
  readonly storeTimeout?: Duration | undefined;
  /** Time and timers, for tests. Default: Node's. */
  readonly clock?: Clock | undefined;
}

/** What a run is given. */
export interface RunOptions<S extends string> {
  /** For whom the run works. */
  readonly scopes?: ScopeIds<S> | undefined;
  /** The run's own limits, which only ever tighten the guard's. */
  readonly budgets?: RunBudgets<S> | undefined;
  /** The run's id, where the host has one. A second run of an id that is live joins it. Default: a random one. */
  readonly id?: string | undefined;
  /** The name of the agent that works in it. */
  readonly agent?: string | undefined;
  /** The run that it is a part of. Default: the guard's run around the caller. `null` makes a run of its own. */
  readonly parent?: Run | null | undefined;
  /** Ends the run's work from outside. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Goes on with the run of this snapshot, `run.snapshot()`, perhaps in another process: a run that is refused throws a
   * `ResumeRefusedError`. Scope ids and `id`, where they are given, must be those of the snapshot; budgets tighten.
   */
  readonly resume?: unknown;
  /** What the detectors knew of an earlier run of this `id`, from its `loopState()`, perhaps in another process. */
  readonly loopState?: unknown;
}

const slots = z.number({ error: 'expected a whole number of model calls, 1 or more' }).int().min(1).max(100_000);

const storeMethods = ['reserve', 'settle', 'extend', 'read', 'adjust', 'list', 'erase'] as const satisfies readonly (keyof Store)[];

const store = z.custom<Store>(
  (value) =>
    typeof value === 'object' && value !== null && storeMethods.every((name) => typeof (value as Partial<Store>)[name] === 'function'),
  { error: 'expected a store such as memoryStore() or redisStore(client)' },
);

const clock = z.custom<Clock>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    (['now', 'setTimeout', 'clearTimeout'] as const).every((name) => typeof (value as Partial<Clock>)[name] === 'function'),
  {
    error: 'expected a clock with now, setTimeout and clearTimeout',
  },
);

const guardFields = z.strictObject({
  ...meterOptions.shape,
  loops: loopOptions.optional(),
  tools: toolPolicies.optional(),
  detectors: detectorList.optional(),
  budgets: budgets(scopeBudget).default({}),
  store: store.optional(),
  ladder: ladderOption.default({ rungs: [], isShadow: false }),
  input: inputOption.optional(),
  fallback: fn<Fallback>('a function of the halt and the run').optional(),
  concurrency: z
    .union([slots.transform((guard) => ({ guard })), z.strictObject({ guard: slots.optional(), run: slots.optional() })], {
      error: 'expected a whole number of model calls, 1 or more, or { guard, run }',
    })
    .default({}),
  alertAt: alertAt.default([0.5, 0.8, 0.95]),
  headroom: headroom.default(0),
  minUseful: z.number({ error: 'expected a whole number of tokens, 1 or more' }).int().min(1).default(256),
  allowUnpriced: z.boolean({ error: 'expected true or false' }).default(false),
  requireScopes: z.array(requiredScope, { error: 'expected a list of scopes such as ["user"]' }).default([]),
  holdTtl: shortDuration.default('60s'),
  onExpire: onExpire.default('release'),
  onStoreError: onStoreError.optional(),
  storeTimeout: shortDuration.default('2s'),
  clock: clock.optional(),
});

/** The limit of the input is the ladder's first rung. */
export const guardOptions = guardFields.transform(({ input, ...options }) => ({
  ...options,
  ladder: input ? { ...options.ladder, rungs: [inputLimit(input), ...options.ladder.rungs] } : options.ladder,
}));

export type ResolvedGuardOptions = z.output<typeof guardOptions>;

export const runOptions = z.strictObject({
  scopes: z.record(z.string(), z.unknown(), { error: 'expected ids by scope such as { user: "u1" }' }).optional(),
  budgets: budgets(limits).optional(),
  id: z
    .string({ error: 'expected a text' })
    .min(1, { error: 'expected a text that is not empty' })
    .max(512, { error: 'expected at most 512 characters' })
    .optional(),
  agent: z.string().max(512).optional(),
  parent: z.custom<Run | null>((value) => value === null || typeof value === 'object').optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'expected an AbortSignal' }).optional(),
  resume: z.unknown().optional(),
  loopState: z.unknown().optional(),
});
