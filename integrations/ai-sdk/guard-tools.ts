import type { Tool, ToolExecutionOptions } from 'ai';
import { untilAborted, type Run, type Step, type ToolCall, type ToolHints } from 'holdfast';
import type { GuardModelOptions } from './call-scopes.ts';
import { doorRuns, isUsable, type Seat } from './door-runs.ts';
import { eitherSignal } from './halted-call.ts';
import { detached, fieldsOf, recordsOf, type AnyGuard } from './host.ts';
import { noteSeen } from './unseen-calls.ts';

/** For calls whose run nobody knows (the model that asked for them is not guarded): each is a run of its own. */
export type GuardToolsOptions = Pick<GuardModelOptions, 'budgets' | 'agent'> & { readonly scopes?: Readonly<Record<string, string>> };

/** Tools by name, as the SDK takes them. */
type AnyTools = Readonly<Record<string, Pick<Tool, 'inputSchema'>>>;

/**
 * The same tools, each call of which is a step: held before, judged after, answered by the guard where its offer says so,
 * and no longer waited for when the run is halted. A refused call is an error of that tool (`tool-error`), so that every
 * call has its result; the model is not asked again. Tools that a provider or a browser runs stay as they are.
 *
 * A call belongs to the run in which the guarded model asked for it. An agent inside a tool is a run inside that one.
 *
 * @example
 * const result = await generateText({ model: guardModel(model, guard), tools: guardTools({ search, readPage }, guard), prompt });
 */
export function guardTools<T extends AnyTools>(tools: T, guard: AnyGuard, options: GuardToolsOptions = {}): T {
  return Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, guardTool(name, tool as Tool, guard, options)])) as T;
}

type Execute = (input: unknown, options: ToolExecutionOptions) => unknown;

function guardTool(name: string, tool: Tool, guard: AnyGuard, options: GuardToolsOptions): Tool {
  if (typeof tool.execute !== 'function') return tool;
  const execute = tool.execute.bind(tool) as Execute;
  const call = (input: unknown, given: ToolExecutionOptions): ToolCall => ({
    kind: 'tool',
    name,
    args: input,
    id: given.toolCallId,
    hints: hintsOf(tool),
    ...(tool.needsApproval !== undefined && wasApproved(given) ? { approved: true } : {}),
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  });
  const begin = (input: unknown, given: ToolExecutionOptions): Promise<Begun> => begun(guard, call(input, given), given.messages, options);
  const guarded: Execute = isGenerator(tool.execute)
    ? (input, given) => streamedTool(() => begin(input, given), input, given, execute)
    : (input, given) => plainTool(() => begin(input, given), input, given, execute);
  return { ...tool, execute: guarded };
}

interface Begun {
  readonly seat: Pick<Seat, 'leave'>;
  readonly run: Run;
  readonly step: Step;
}

async function begun(
  guard: AnyGuard,
  call: ToolCall,
  messages: ToolExecutionOptions['messages'],
  { scopes, budgets, agent }: GuardToolsOptions,
): Promise<Begun> {
  const runs = doorRuns(guard);
  const known = runs.ofToolCall(call.id ?? '', messages);
  const seat = isUsable(known)
    ? { run: known.run, leave: async () => {} }
    : runs.own({ scopes: { ...known?.scopes, ...scopes }, ...(budgets ? { budgets } : {}), ...(agent === undefined ? {} : { agent }) });
  noteSeen(seat.run, call.id);
  try {
    return { seat, run: seat.run, step: await seat.run.begin(call) };
  } catch (error) {
    await seat.leave('ended');
    throw seat.run.haltError ?? error;
  }
}

/** The answer that the guard gives in the tool's place. */
async function answered({ seat, step }: Begun): Promise<{ readonly output: unknown } | undefined> {
  const { offer } = step;
  if (offer.kind !== 'answer' || step.isJoined) return undefined;
  await step.end({ output: offer.output });
  await seat.leave('ended');
  return { output: noted(offer.output, offer.note) };
}

const noteOf = ({ offer, isJoined }: Step): string | undefined => (offer.kind === 'call' && !isJoined ? offer.edits.note : undefined);

/** A result with the guard's note below it; anything that is no text stays as it is. */
const noted = (output: unknown, note: string | undefined): unknown =>
  note === undefined || typeof output !== 'string' ? output : `${output}\n\n${note}`;

async function plainTool(begin: () => Promise<Begun>, input: unknown, given: ToolExecutionOptions, execute: Execute): Promise<unknown> {
  const open = await begin();
  const answer = await answered(open);
  if (answer) return answer.output;
  const { run, step, seat } = open;
  try {
    const output = await untilAborted(
      run.signal,
      step.within(async () => lastOf(await execute(input, { ...given, abortSignal: eitherSignal(given.abortSignal, run) }), run)),
    );
    await step.end({ output });
    return noted(output, noteOf(step));
  } catch (error) {
    await step.fail(error);
    throw run.haltError ?? error;
  } finally {
    await seat.leave('ended');
  }
}

/** A tool that tells of its progress: the last thing that it tells is its result. */
async function* streamedTool(
  begin: () => Promise<Begun>,
  input: unknown,
  given: ToolExecutionOptions,
  execute: Execute,
): AsyncGenerator<unknown> {
  const open = await begin();
  const answer = await answered(open);
  if (answer) return void (yield answer.output);
  const { run, step, seat } = open;
  const source = step.within(() =>
    execute(input, { ...given, abortSignal: eitherSignal(given.abortSignal, run) }),
  ) as AsyncGenerator<unknown>;
  let output: unknown;
  try {
    for (;;) {
      const next = await untilAborted(
        run.signal,
        step.within(() => source.next()),
      );
      if (next.done) break;
      output = next.value;
      yield output;
    }
    await step.end({ output });
    const note = noteOf(step);
    if (note !== undefined && typeof output === 'string') yield noted(output, note);
  } catch (error) {
    // A tool that was cut can clean up behind itself; it may never answer, so nobody waits for it.
    detached(step.within(() => source.return(undefined)));
    await step.fail(error);
    throw run.haltError ?? error;
  } finally {
    if (step.isOpen) {
      await step.within(() => source.return(undefined)).catch(() => {});
      await step.fail(new Error('the tool was left before its end'));
    }
    await seat.leave('ended');
  }
}

const isGenerator = (execute: unknown): boolean =>
  (execute as { constructor: { name: string } }).constructor.name === 'AsyncGeneratorFunction';

/** A plain function may give a stream of results, too; here its last one counts. Nobody waits for it when the run is halted. */
async function lastOf(output: unknown, { signal }: Run): Promise<unknown> {
  if (typeof output !== 'object' || output === null || !(Symbol.asyncIterator in output)) return output;
  let last: unknown;
  for await (const each of output as AsyncIterable<unknown>) {
    last = each;
    if (signal.aborted) break;
  }
  return last;
}

const hintNames = ['readOnlyHint', 'idempotentHint', 'destructiveHint'] as const;

/** What a tool says of itself in MCP's words: in its `metadata`, or under `annotations` there or beside it. */
function hintsOf(tool: Tool): ToolHints | undefined {
  const { metadata, annotations } = fieldsOf(tool);
  const said = { ...fieldsOf(metadata), ...fieldsOf(fieldsOf(metadata)['annotations']), ...fieldsOf(annotations) };
  const hints = hintNames.flatMap((name) => (typeof said[name] === 'boolean' ? [[name, said[name]]] : []));
  return hints.length > 0 ? (Object.fromEntries(hints) as ToolHints) : undefined;
}

/** Whether a person has said yes to this very call, in the message with which the conversation was taken up again. */
function wasApproved({ messages, toolCallId }: ToolExecutionOptions): boolean {
  const parts = messages.flatMap(({ content }) => recordsOf(content));
  const asked = parts.findLast((part) => part['type'] === 'tool-approval-request' && part['toolCallId'] === toolCallId);
  return parts.some(
    (part) => part['type'] === 'tool-approval-response' && part['approvalId'] === asked?.['approvalId'] && part['approved'] === true,
  );
}
