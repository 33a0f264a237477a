import type { StepResult, StreamChannel, UsageReport } from 'holdfast';
import { fieldsOf, recordsOf, textOrNothing, type Fields, type Item, type StreamEvent } from './host.ts';
import { callOf, itemText } from './item-views.ts';

/** The part of a response that both ways of asking have. */
export interface ResponseLike {
  readonly output: readonly Item[];
  readonly usage?: unknown;
  readonly providerData?: unknown;
}

/** A model's answer as detectors and reports want it. */
export function modelResult({ output, providerData }: ResponseLike): StepResult {
  const isThinking = (item: Item): boolean => fieldsOf(item)['type'] === 'reasoning';
  const thinking = output.filter(isThinking).map(itemText).join('');
  const toolCalls = output.flatMap((item) => callOf(item) ?? []);
  const { model } = fieldsOf(providerData);
  return {
    output,
    text: output
      .filter((item) => !isThinking(item))
      .map(itemText)
      .join(''),
    ...(thinking === '' ? {} : { thinking }),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(typeof model === 'string' ? { model } : {}),
  };
}

/** Details come as one record, or as a list of one per request; a model is asked once here. */
const detailsOf = (details: unknown): Fields => (Array.isArray(details) ? (recordsOf(details).at(-1) ?? {}) : fieldsOf(details));

const amountIn = (fields: Fields, name: string): number | undefined => {
  const value = fields[name];
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
};

/**
 * What a response says that it used. The SDK fills in zeros where a provider says nothing. Whether one did is seen in its own
 * events (`wasSaid`) where it streams, and otherwise in the response itself, or in details that only a provider gives.
 */
export function usageReport({ usage, providerData }: ResponseLike, wasSaid?: boolean): UsageReport | undefined {
  const { inputTokens, outputTokens, inputTokensDetails, outputTokensDetails, requests } = fieldsOf(usage);
  if (typeof inputTokens !== 'number' || typeof outputTokens !== 'number') return undefined;
  const input = detailsOf(inputTokensDetails);
  const output = detailsOf(outputTokensDetails);
  if (inputTokens === 0 && outputTokens === 0) {
    const hasDetails = Object.keys(input).length + Object.keys(output).length > 0;
    const said = fieldsOf(providerData)['usage'];
    if (wasSaid === false || requests === 0 || (wasSaid === undefined && !hasDetails && fieldsOf(said) !== said)) return undefined;
  }
  const cached = amountIn(input, 'cached_tokens');
  const written = amountIn(input, 'cache_write_tokens');
  const reasoning = amountIn(output, 'reasoning_tokens');
  return {
    inputTokens,
    outputTokens,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
  };
}

/** A piece of output in an event of a stream. */
export interface StreamPiece {
  readonly delta: string;
  readonly channel: StreamChannel;
}

/** What streams in an event: text in the SDK's own, thinking and arguments of tools in the provider's. */
export function piecesOf(event: StreamEvent): StreamPiece[] {
  if (event.type === 'output_text_delta') return piece(event.delta, 'text');
  if (event.type !== 'model') return [];
  const raw = fieldsOf(event.event);
  const type = textOrNothing(raw['type']);
  if (type.endsWith('.delta')) {
    if (type === 'response.output_text.delta') return [];
    return piece(raw['delta'], type.includes('reasoning') ? 'thinking' : 'text');
  }
  return recordsOf(raw['choices']).flatMap(({ delta }) => {
    const { reasoning, reasoning_content: content, tool_calls: calls } = fieldsOf(delta);
    const args = recordsOf(calls).flatMap((call) => piece(fieldsOf(call['function'])['arguments'], 'text'));
    return [...piece(reasoning ?? content, 'thinking'), ...args];
  });
}

const piece = (delta: unknown, channel: StreamChannel): StreamPiece[] =>
  typeof delta === 'string' && delta !== '' ? [{ delta, channel }] : [];

/** Whether a provider's own event says what was used; undefined for events that never do, or do not come before the end. */
export function saysUsage(event: StreamEvent): boolean | undefined {
  if (event.type !== 'model') return undefined;
  const { type, usage } = fieldsOf(event.event);
  return typeof type === 'string' ? undefined : typeof usage === 'object' && usage !== null;
}
