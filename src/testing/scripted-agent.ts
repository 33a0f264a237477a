import type { Call, MessageView, ModelCall, StepResult, ToolCallView } from '../core/step.ts';
import type { Offer } from '../core/offer.ts';
import type { UsageReport } from '../core/usage.ts';

/** What the scripted model says in one turn: an answer, or the tools that it asks for. */
export interface ScriptedTurn {
  readonly text?: string;
  readonly toolCalls?: readonly ToolCallView[];
  /** What the model bills. Absent: it reports nothing. */
  readonly usage?: UsageReport;
}

/** What the work of a step gives back. */
interface ScriptedWork {
  readonly output: unknown;
  readonly usage?: UsageReport | undefined;
  readonly result?: Omit<StepResult, 'output'> | undefined;
}

/** The part of a run that an agent needs. */
export interface StepRunner {
  step(call: Call, work: (offer: Extract<Offer, { kind: 'call' }>, signal: AbortSignal) => Promise<ScriptedWork>): Promise<unknown>;
}

/** What the agent's model says and its tools do. */
export interface ScriptedAgentOptions {
  /** What the model says in each turn, from 0. */
  readonly script: (turn: number, messages: readonly MessageView[]) => ScriptedTurn;
  /** What the tools do; a tool that is not there gives an error text, as hosts do. */
  readonly tools?: Readonly<Record<string, (args: unknown) => unknown>>;
  /** Default `scripted`. */
  readonly model?: string;
  /** The cap on output that the agent itself sends. */
  readonly maxOutputTokens?: number;
  /** Default 1,000. The agent ends without an answer after so many turns. */
  readonly maxTurns?: number;
}

/** What the agent did. */
export interface ScriptedOutcome {
  /** The model's answer; undefined when it never gave one. */
  readonly answer: string | undefined;
  readonly messages: readonly MessageView[];
}

/**
 * An agent without a host: asks its scripted model, calls the tools it asks for, all of them at once, and goes on until
 * the model answers without a tool. Each call is a step of the run.
 *
 * ```ts
 * const ask = scriptedAgent({ script: (turn) => (turn < 3 ? { toolCalls: [{ name: 'look', args: {} }] } : { text: 'Done.' }) });
 * const { answer } = await guard.run({}, (run) => ask(run, 'Look around.'));
 * ```
 */
export function scriptedAgent(options: ScriptedAgentOptions): (run: StepRunner, input: string) => Promise<ScriptedOutcome> {
  const { script, tools = {}, model = 'scripted', maxOutputTokens, maxTurns = 1000 } = options;
  return async (run, input) => {
    const messages: MessageView[] = [{ role: 'user', text: input }];
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const call: ModelCall = {
        kind: 'model',
        model,
        messages: [...messages],
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      };
      const said = asTurn(
        await run.step(call, async () => {
          const { usage, ...output } = script(turn, messages);
          return { output, usage, result: output };
        }),
      );
      messages.push({ role: 'assistant', text: said.text ?? '', toolCalls: said.toolCalls ?? [] });
      if (!said.toolCalls?.length) return { answer: said.text, messages };
      const results = await Promise.all(
        said.toolCalls.map(async ({ name, args, id }): Promise<MessageView> => {
          const output = await run.step({ kind: 'tool', name, args, id }, async () =>
            tools[name] ? { output: await tools[name](args) } : { output: `there is no tool ${name}`, result: { isError: true } },
          );
          return {
            role: 'tool',
            text: typeof output === 'string' ? output : (JSON.stringify(output) ?? ''),
            ...(id ? { toolCallId: id } : {}),
            name,
          };
        }),
      );
      messages.push(...results);
    }
    return { answer: undefined, messages };
  };
}

/** An answer that the guard gives instead of the model may be a plain text. */
const asTurn = (output: unknown): ScriptedTurn => (typeof output === 'string' ? { text: output } : (output ?? {}));
