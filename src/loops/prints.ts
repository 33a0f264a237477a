import type { StepRecord } from '../core/step.ts';
import { canonicalArgs, textOf } from './canonical.ts';
import { hashNumbers, hashText } from './hash.ts';
import type { ToolPolicy } from './options.ts';
import { settled } from './volatile.ts';

/** What the detectors compare of one step. Computed once. */
export interface Prints {
  readonly step: StepRecord;
  readonly policy: ToolPolicy | undefined;
  /** Hash of the tool and its canonical arguments; for a model step of its words. */
  readonly call: number;
  /** Hash of the result without its volatile parts. */
  readonly result: number;
  readonly isError: boolean;
  /** Sizes in characters. */
  readonly argsSize: number;
  readonly resultSize: number;
}

/** The prints of a step; undefined where it takes no part in loop detection. */
export function printsOf(step: StepRecord, policy: ToolPolicy | undefined): Prints | undefined {
  if (policy?.loopKey === false) return undefined;
  const isTool = step.kind === 'tool';
  if (!isTool && step.toolCalls !== undefined && step.toolCalls.length > 0) return undefined;
  const ignored = new Set(policy?.ignore ?? []);
  const args = isTool ? canonicalArgs(keyedArgs(step.args, policy), ignored) : '';
  const output = textOf(step.output ?? step.error);
  const argsPrint = step.argsHash !== undefined && policy?.loopKey === undefined ? hashText(step.argsHash) : hashText(args);
  const resultPrint = step.outputHash === undefined ? hashText(settled(output)) : hashText(step.outputHash);
  return {
    step,
    policy,
    call: isTool ? hashNumbers(hashText(step.name), argsPrint) : hashNumbers(hashText(step.agent ?? ''), resultPrint),
    result: resultPrint,
    isError: step.isError === true || step.error !== undefined,
    argsSize: args.length,
    resultSize: output.length,
  };
}

function keyedArgs(args: unknown, policy: ToolPolicy | undefined): unknown {
  const key = policy?.loopKey;
  if (typeof key === 'function') {
    try {
      return key(args);
    } catch {
      return args;
    }
  }
  if (!Array.isArray(key) || typeof args !== 'object' || args === null) return args;
  return Object.fromEntries(key.map((name: string) => [name, (args as Record<string, unknown>)[name]]));
}
