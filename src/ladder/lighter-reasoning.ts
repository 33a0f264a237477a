import type { ModelCall, ReasoningSettings } from '../core/step.ts';
import { checkFigures, checkWord, count, share } from './rung-options.ts';
import type { Rung, RungContext, RungOptions } from './rung.ts';

/** How little thinking is left, and from when on. */
export interface LighterReasoningOptions extends RungOptions {
  /** The effort to go down to. Default `low`. */
  readonly effort?: NonNullable<ReasoningSettings['effort']> | undefined;
  /** The thinking budget to go down to, in tokens. Default 1,024: the least that providers take. */
  readonly maxTokens?: number | undefined;
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;

/**
 * A lower effort, or a smaller thinking budget, in the terms in which the call asks for it. A call that says nothing of
 * reasoning is given an effort only if its model was seen to reason in this run: other models refuse the setting.
 *
 * @example lighterReasoning({ at: 0.7, effort: 'low' })
 */
export function lighterReasoning(options: LighterReasoningOptions = {}): Rung {
  const { at = 0.8, on = ['reasoningTokens', 'usd'], scopes, effort = 'low', maxTokens = 1_024 } = options;
  checkFigures('lighterReasoning', { at: [at, share], maxTokens: [maxTokens, count] });
  checkWord('lighterReasoning', 'effort', effort, efforts);
  return {
    name: 'lighterReasoning',
    at,
    on,
    scopes,
    offer(call, context) {
      if (call.kind !== 'model') return undefined;
      const asked = call.reasoning ?? (reasons(call, context) ? ({ effort: 'medium' } as const) : undefined);
      if (!asked) return undefined;
      const lower: ReasoningSettings = {
        ...(asked.effort === undefined ? {} : { effort: lowest(asked.effort, effort) }),
        ...(asked.maxTokens === undefined ? {} : { maxTokens: Math.min(asked.maxTokens, maxTokens) }),
      };
      if (lower.effort === asked.effort && lower.maxTokens === asked.maxTokens) return undefined;
      const done = [lower.effort && `effort ${lower.effort}`, lower.maxTokens !== undefined && `${lower.maxTokens} thinking tokens`];
      return { kind: 'edits', edits: { reasoning: lower }, detail: done.filter(Boolean).join(', ') };
    },
  };
}

const lowest = (a: (typeof efforts)[number], b: (typeof efforts)[number]): (typeof efforts)[number] =>
  efforts.indexOf(a) < efforts.indexOf(b) ? a : b;

const reasons = ({ model }: ModelCall, { report }: RungContext): boolean => (report().models[model]?.usage.reasoningTokens ?? 0) > 0;
