import { z } from 'zod';
import type { InputExcess } from '../core/halt.ts';
import type { Summarize } from './summarized-history.ts';

/**
 * What becomes of an input that is too large: it is refused with an error whose message a user can be shown (`{ reject }` has
 * your own words for it), its largest texts are cut or summarised, or the run is given an answer in place of the call.
 */
export type ExcessAction = 'reject' | 'trim' | 'summarize' | { readonly reject: string } | { readonly answer: unknown };

/** How large the input of one model call may be. */
export interface InputLimit {
  /** The most tokens of one model call's messages, tools and instructions together. */
  readonly maxTokens?: number | undefined;
  /**
   * What is done above it. Default `'trim'`: the largest messages of the user and of tools are cut to their beginning and end,
   * the system messages stay. A function decides for each call.
   */
  readonly onExcess?: ExcessAction | ((excess: InputExcess) => ExcessAction) | undefined;
  /** The cap of each tool result: a larger one is cut in every call, whatever the size of the whole. */
  readonly toolResults?: { readonly maxTokens: number } | undefined;
}

/** The guard's `input` option: limits for all model calls, and those of single features. */
export interface InputOptions extends InputLimit {
  /** By feature (`scopes: { feature }`), field by field in place of the others. */
  readonly per?: Readonly<Record<string, InputLimit>> | undefined;
  /** Summarises a text that is too large, for `'summarize'`; one that fails or takes too long is as `'trim'`. */
  readonly summarize?: Summarize | undefined;
  /** The model that `summarize` uses, by which the summary is held and priced. Default: the model of the call. */
  readonly model?: string | undefined;
}

const tokens = z
  .number({ error: 'expected a whole number of tokens, 1 or more' })
  .int({ error: 'expected a whole number of tokens' })
  .min(1, { error: 'expected 1 token or more; leaving it out sets no limit' });

const actions = "'reject', 'trim', 'summarize', { reject: 'words for the user' } or { answer }";

const onExcess = z.union(
  [
    z.enum(['reject', 'trim', 'summarize']),
    z.custom<(excess: InputExcess) => ExcessAction>((value) => typeof value === 'function'),
    z.strictObject({ reject: z.string().min(1).max(1_000) }),
    z.strictObject({ answer: z.unknown() }).transform(({ answer }) => ({ answer })),
  ],
  { error: `expected ${actions}, or a function that gives one of these` },
);

const limit = z.strictObject(
  {
    maxTokens: tokens.optional(),
    onExcess: onExcess.optional(),
    toolResults: z.strictObject({ maxTokens: tokens }, { error: 'expected a cap such as { maxTokens: 4_000 }' }).optional(),
  },
  { error: 'expected limits such as { maxTokens: 20_000, onExcess: "reject" }' },
);

/** The schema of the guard's `input` option. */
export const inputOption = limit
  .extend({
    per: z.record(z.string().min(1), limit, { error: 'expected limits by feature such as { chat: { maxTokens: 8_000 } }' }).optional(),
    summarize: z
      .custom<Summarize>((value) => typeof value === 'function', { error: 'expected a function that summarises messages' })
      .optional(),
    model: z.string({ error: 'expected the name of a model' }).min(1).optional(),
  })
  .superRefine((option, context) => {
    const features = Object.entries(option.per ?? {});
    for (const [path, each] of [[[], option] as const, ...features.map(([name, own]) => [['per', name], own] as const)]) {
      if (each.onExcess !== undefined && ![option, each, ...(each === option ? Object.values(option.per ?? {}) : [])].some(hasMost))
        context.addIssue({ code: 'custom', path: [...path, 'onExcess'], message: 'says what is done above `maxTokens`, so give that too' });
      if (each.onExcess === 'summarize' && !option.summarize)
        context.addIssue({
          code: 'custom',
          path: [...path, 'onExcess'],
          message: "'summarize' needs a function that summarises; give `input.summarize`, or take 'trim'",
        });
    }
  });

const hasMost = ({ maxTokens }: InputLimit): boolean => maxTokens !== undefined;
