import { InvalidOptionError } from '../core/errors.ts';
import type { Call, ModelCall, ToolCall } from '../core/step.ts';
import type { VerdictEvidence } from '../core/verdict.ts';
import { toolName } from './edited-call.ts';
import { checkFigures, count } from './rung-options.ts';
import type { Rung, RungContext, RungOffer } from './rung.ts';
import { argsText } from './same-call.ts';

/** Which results may be given again, and what becomes of a tool that is called the same way all the same. */
export interface HeldBackCallOptions {
  /**
   * Whose results may be given again without running the tool: names, or a function of the call. Default: only tools that
   * the host declares to be read-only (`readOnlyHint`). A write is never replayed unless it is named here.
   */
  readonly reuse?: readonly string[] | ((call: ToolCall) => boolean) | undefined;
  /** How often a tool is held back before it is taken away. Default 2. */
  readonly most?: number | undefined;
  /** For how many model calls a tool is taken away. Default 3. */
  readonly awayFor?: number | undefined;
}

/**
 * In a loop, a repeated tool call is answered from its earlier result with a note, instead of being run. A tool that is
 * called the same way all the same is taken away for some model calls.
 *
 * @example heldBackCall({ reuse: ['search', 'read_file'] })
 */
export function heldBackCall(options: HeldBackCallOptions = {}): Rung {
  const { reuse, most = 2, awayFor = 3 } = options;
  checkFigures('heldBackCall', { most: [most, count], awayFor: [awayFor, count] });
  if (reuse !== undefined && typeof reuse !== 'function' && !Array.isArray(reuse)) {
    const message = `expected a list of names or a function, got a value of type ${typeof reuse}`;
    throw new InvalidOptionError('options of heldBackCall', [{ path: 'reuse', message, value: reuse }]);
  }
  const mayReuse = (call: ToolCall): boolean => {
    if (reuse === undefined) return call.hints?.readOnlyHint === true;
    return typeof reuse === 'function' ? reuse(call) : reuse.includes(call.name);
  };
  return {
    name: 'heldBackCall',
    loop: 'warn',
    kinds: ['tool', 'model'],
    offer: (call: Call, context) =>
      call.kind === 'tool' ? heldBack(call, context, mayReuse) : withoutTools(call, context, { most, awayFor }),
  };
}

/** How often a tool was held back, and for how many model calls it is away. */
interface ToolNotes {
  readonly heldBack: number;
  readonly awayFor: number;
}

const notesOn = ({ memory }: RungContext, tool: string): ToolNotes =>
  (memory.get(tool) as ToolNotes | undefined) ?? { heldBack: 0, awayFor: 0 };

function heldBack(call: ToolCall, context: RungContext, mayReuse: (call: ToolCall) => boolean): RungOffer | undefined {
  const earlier = earlierResult(call, context);
  if (!earlier || !mayReuse(call)) return undefined;
  const notes = notesOn(context, call.name);
  context.memory.set(call.name, { ...notes, heldBack: notes.heldBack + 1 } satisfies ToolNotes);
  return {
    kind: 'answer',
    output: earlier.output,
    note: `[Not run again: this is the result of the same call before. ${context.verdict?.reason ?? 'It repeats'}. Do something different.]`,
    detail: `${call.name} answered from step ${earlier.step}`,
  };
}

/** The newest result of the same call among those that the verdict names. */
function earlierResult({ name, args }: ToolCall, { verdict }: RungContext): VerdictEvidence | undefined {
  const asked = argsText(args);
  return verdict?.evidence().findLast((past) => past.name === name && past.output !== undefined && argsText(past.args) === asked);
}

function withoutTools(call: ModelCall, context: RungContext, { most, awayFor }: { most: number; awayFor: number }): RungOffer | undefined {
  const names = (call.tools ?? []).map(toolName).filter((name) => name !== undefined);
  const away = names.filter((name) => {
    const notes = notesOn(context, name);
    if (notes.awayFor > 0) context.memory.set(name, { ...notes, awayFor: notes.awayFor - 1 } satisfies ToolNotes);
    else if (notes.heldBack >= most) context.memory.set(name, { heldBack: 0, awayFor: awayFor - 1 } satisfies ToolNotes);
    else return false;
    return true;
  });
  if (away.length === 0) return undefined;
  return { kind: 'edits', edits: { tools: names.filter((name) => !away.includes(name)) }, detail: `${away.join(', ')} taken away` };
}
