import { z } from 'zod';
import { dimensions } from '../core/amounts.ts';
import { ladderPresets, presetRungs, type LadderPreset } from './presets.ts';
import type { Rung } from './rung.ts';

/** The guard's `ladder` option: a preset, rungs in their order, or rungs of which it is only reported what they would do. */
export type LadderOption = LadderPreset | readonly Rung[] | { readonly rungs: readonly Rung[]; readonly shadow?: boolean | undefined };

/** A ladder as the runtime climbs it. */
export interface Ladder {
  readonly rungs: readonly Rung[];
  /** Nothing is changed; what would have been is reported. */
  readonly isShadow: boolean;
}

const share = z.number().min(0).max(1);

const rungFields = z.looseObject({
  name: z.string().min(1).max(64),
  at: share.optional(),
  on: z.array(z.enum(dimensions)).readonly().optional(),
  scopes: z.array(z.string().min(1)).readonly().optional(),
  loop: z.enum(['warn', 'halt']).optional(),
  mayRefuse: z.boolean().optional(),
  isTerminal: z.boolean().optional(),
  reserve: z.number().min(0).max(0.5).optional(),
  kinds: z
    .array(z.enum(['model', 'tool']))
    .readonly()
    .optional(),
  prepareTimeoutMs: z.number().positive().optional(),
  offer: z.function(),
  prepare: z.function().optional(),
});

const rungs = z
  .array(
    // The rung itself is passed on: a class of the user's must not lose its prototype.
    z.custom<Rung>((value) => rungFields.safeParse(value).success, {
      error: 'expected a rung: a function of this package such as wrapUp(), or an object { name, offer(call, context), at?, loop?, … }',
    }),
    { error: "expected 'gentle', 'standard', 'strict', 'shadow', or a list of rungs" },
  )
  .max(32, { error: 'expected at most 32 rungs' })
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    error: 'two rungs have the same name; give one of them another: { ...rung, name: "…" }',
  });

/** The schema of the guard's `ladder` option. */
export const ladderOption = z
  .union([z.enum(ladderPresets), rungs, z.strictObject({ rungs, shadow: z.boolean().optional() })], {
    error: "expected 'gentle', 'standard', 'strict', 'shadow', a list of rungs that differ in name, or { rungs, shadow: true }",
  })
  .transform((option): Ladder => {
    if (typeof option === 'string') return { rungs: presetRungs(option), isShadow: option === 'shadow' };
    return 'rungs' in option ? { rungs: option.rungs, isShadow: option.shadow ?? false } : { rungs: option, isShadow: false };
  });
