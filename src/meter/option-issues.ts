import type { z } from 'zod';
import type { InvalidOptionError } from '../core/errors.ts';

type OptionIssue = InvalidOptionError['issues'][number];

/** What a check found, as an option error lists it: each with its path, below `above`. */
export const optionIssues = ({ issues }: { readonly issues: readonly z.core.$ZodIssue[] }, ...above: readonly string[]): OptionIssue[] =>
  issues.map(({ path, message, input }) => ({ path: [...above, ...path].join('.'), message, value: input }));
