import { endsSoftly } from './answers.ts';
import { doorRuns } from './door-runs.ts';
import type { AnyGuard } from './host.ts';

/** What is needed of a step of the SDK's, whatever its tools. */
interface LoopStep {
  readonly toolCalls: readonly { readonly toolCallId: string }[];
}

/** A stop condition as `generateText`, `streamText` and agents take it. */
export type WhenHalted = (loop: { readonly steps: readonly LoopStep[] }) => boolean;

/**
 * A stop condition with which a halted loop ends with what it has, in place of an error: after the step in which the run was
 * halted, or at the next call of the model, which is not made (an empty step of the finish reason `other`). The result has
 * all steps before that; `guard.lastHalt(…)` and `result.providerMetadata?.holdfast` tell of the halt. A run that is refused
 * its very first call still throws, and a fallback's answer goes before an empty one.
 *
 * @example
 * await generateText({ model, tools, prompt, stopWhen: [stepCountIs(50), whenHalted(guard)] });
 */
export function whenHalted(guard: AnyGuard): WhenHalted {
  return ({ steps }) => {
    const asked = steps.at(-1)?.toolCalls.at(-1)?.toolCallId;
    const runs = doorRuns(guard);
    const run = asked === undefined ? guard.current()?.run : runs.ofToolCall(asked)?.run;
    if (!run) return false;
    endsSoftly(run);
    if (!run.haltError) return false;
    runs.over(run);
    return true;
  };
}
