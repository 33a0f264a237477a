import type { Call, MessageView, ModelCall, ToolCallView } from '../../src/core/step.ts';
import type { Offer } from '../../src/core/offer.ts';
import type { Run } from '../../src/runtime/run.ts';
import type { BeginOptions } from '../../src/runtime/reserve.ts';
import type { GuardEvents } from '../../src/runtime/events.ts';
import type { Guard } from '../../src/runtime/guard.ts';
import { editedCall, toolName } from '../../src/ladder/edited-call.ts';
import { askersOf } from '../../src/ladder/pairs.ts';

/** Prices in USD per million tokens: 100 tokens of `dear` are a dollar. */
export const prices = {
  dear: { input: 10_000, output: 10_000 },
  cheap: { input: 1_000, output: 1_000 },
  dearest: { input: 90_000, output: 90_000 },
} as const;

export interface Turn {
  readonly text?: string;
  readonly toolCalls?: readonly ToolCallView[];
  readonly outputTokens?: number;
}

export interface HostOptions {
  readonly script: (turn: number, seen: ModelCall) => Turn | Promise<Turn>;
  readonly tools?: Readonly<Record<string, (args: unknown) => unknown>>;
  readonly model?: string;
  readonly maxOutputTokens?: number;
  readonly canEdit?: BeginOptions['canEdit'];
  readonly maxTurns?: number;
  readonly call?: Partial<ModelCall>;
}

export interface Outcome {
  readonly answer: unknown;
  /** The model calls as they went over the wire. */
  readonly wire: readonly ModelCall[];
  readonly offers: readonly Offer[];
  /** The tools that were really run. */
  readonly ran: readonly string[];
  readonly messages: readonly MessageView[];
}

/** Whether a provider would take a conversation: each call has its result right behind it, each result its call. */
export function isValid(messages: readonly MessageView[]): boolean {
  const askers = askersOf(messages);
  return messages.every((message, place) => {
    if (message.role === 'tool')
      return (
        askers[place] !== undefined &&
        messages
          .slice(askers[place] ?? 0, place)
          .slice(1)
          .every(({ role }) => role === 'tool')
      );
    return (message.toolCalls ?? []).length === messages.filter((_, at) => askers[at] === place).length;
  });
}

/** A host that follows offers as a door does, and keeps what it saw. Its model bills a token for each word: never more than was counted. */
export function host(options: HostOptions): (run: Run, input: string) => Promise<Outcome> {
  const { script, tools = {}, model = 'dear', maxOutputTokens, canEdit, maxTurns = 200 } = options;
  return async (run, input) => {
    const messages: MessageView[] = [
      { role: 'system', text: 'You help.' },
      { role: 'user', text: input },
    ];
    const [wire, offers, ran]: [ModelCall[], Offer[], string[]] = [[], [], []];
    const begin = async (call: Call) => {
      const step = await run.begin(call, canEdit === undefined ? {} : { canEdit });
      offers.push(step.offer);
      return step;
    };
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const call: ModelCall = {
        kind: 'model',
        model,
        messages: [...messages],
        tools: Object.keys(tools).map((name) => ({ type: 'function', function: { name } })),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...options.call,
      };
      const step = await begin(call);
      const { offer } = step;
      if (offer.kind === 'answer') {
        await step.end({ output: offer.output });
        return { answer: offer.output, wire, offers, ran, messages };
      }
      const seen = editedCall(call, offer.edits);
      wire.push(seen);
      if (!isValid(seen.messages ?? [])) throw new Error('400: a tool call has no result');
      let said: Turn;
      try {
        said = await script(turn, seen);
      } catch (error) {
        await step.fail(error);
        throw run.haltError ?? error;
      }
      const inputTokens = (seen.messages ?? []).reduce((sum, { text: words }) => sum + wordsIn(words), 0);
      const { text = '', outputTokens = Math.min(seen.maxOutputTokens ?? Infinity, wordsIn(text) + 1) } = said;
      const names = (seen.tools ?? []).map(toolName);
      const toolCalls = offer.isClosing ? [] : (said.toolCalls ?? []).filter(({ name }) => names.includes(name));
      await step.end({ text, ...(toolCalls.length > 0 ? { toolCalls } : {}) }, { inputTokens, outputTokens });
      messages.push({ role: 'assistant', text, ...(toolCalls.length > 0 ? { toolCalls } : {}) });
      if (toolCalls.length === 0) return { answer: text, wire, offers, ran, messages };
      for (const { name, args, id } of toolCalls) {
        const toolStep = await begin({ kind: 'tool', name, args, id });
        const toolOffer = toolStep.offer;
        let result: unknown;
        if (toolOffer.kind === 'answer') result = toolOffer.output;
        else {
          ran.push(name);
          result = await tools[name]?.(args);
        }
        await toolStep.end({ output: result });
        const note = toolOffer.kind === 'answer' ? toolOffer.note : toolOffer.edits.note;
        messages.push({
          role: 'tool',
          name,
          text: [String(result), ...(note ? [note] : [])].join('\n'),
          ...(id === undefined ? {} : { toolCallId: id }),
        });
      }
    }
    return { answer: undefined, wire, offers, ran, messages };
  };
}

const wordsIn = (text: string): number => text.split(/\s+/).length;

/** Everything that a guard tells of its ladder and of halts. */
export function listen(guard: Pick<Guard<string>, 'on'>): {
  climbs: GuardEvents['ladder:climb'][];
  halts: GuardEvents['run:halt'][];
  errors: GuardEvents['hook:error'][];
} {
  const heard = {
    climbs: [] as GuardEvents['ladder:climb'][],
    halts: [] as GuardEvents['run:halt'][],
    errors: [] as GuardEvents['hook:error'][],
  };
  guard.on('ladder:climb', (event) => void heard.climbs.push(event));
  guard.on('run:halt', (event) => void heard.halts.push(event));
  guard.on('hook:error', (event) => void heard.errors.push(event));
  return heard;
}

/** Asks a tool `times` times with new arguments and answers then. */
export const searching =
  (times: number, answer = 'Assam is the cheapest.') =>
  (turn: number): Turn =>
    turn < times
      ? { text: `Looking at page ${turn}.`, toolCalls: [{ name: 'search', args: { page: turn }, id: `c${turn}` }] }
      : { text: answer };

/** Asks a tool the same thing for ever. */
export const circling = (turn: number, { tools = [] }: ModelCall): Turn =>
  tools.length > 0 ? { toolCalls: [{ name: 'search', args: { q: 'tea' }, id: `c${turn}` }] } : { text: 'That is all I have.' };
