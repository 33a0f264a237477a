import type { ReportedUsage, ScriptedReply, WireRequest } from './openai-script.ts';

/** Cuts a text into tokens; joined they are the text again. */
export type Tokenize = (text: string) => string[];

const roughPieces = /\s?\p{L}{1,8}|\s?\p{N}{1,3}|\s?[^\s\p{L}\p{N}]|\s+/gu;

/** Words of up to eight letters, numbers of up to three digits, signs: near what real tokenizers make of English, and the same everywhere. */
export const roughTokens: Tokenize = (text) => text.match(roughPieces) ?? [];

/** What each message costs beside its text. */
const TOKENS_PER_MESSAGE = 4;

/** The part of a scripted reply that fits under the output cap, and its usage. */
export interface CutReply {
  readonly textPieces: readonly string[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly argsPieces: readonly string[] }[];
  readonly isCut: boolean;
  readonly usage: ReportedUsage;
}

/** Cuts a reply at the request's output cap: thinking is paid first, then the text, then the tool calls. */
export function cutReply(reply: ScriptedReply, request: WireRequest, requestIndex: number, tokenize: Tokenize): CutReply {
  let left = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  let isCut = false;
  const take = (wanted: number): number => {
    const taken = Math.min(wanted, left);
    if (taken < wanted) isCut = true;
    left -= taken;
    return taken;
  };
  const reasoningTokens = take(reply.reasoningTokens ?? 0);
  const text = tokenize(reply.text ?? '');
  const textPieces = text.slice(0, take(text.length));
  const toolCalls: CutReply['toolCalls'][number][] = [];
  for (const [place, { name, args = {}, id }] of (reply.toolCalls ?? []).entries()) {
    if (isCut) break;
    const pieces = tokenize(typeof args === 'string' ? args : JSON.stringify(args));
    const argsPieces = pieces.slice(0, Math.max(0, take(pieces.length + 1) - 1));
    toolCalls.push({ id: id ?? `call_${requestIndex}_${place}`, name, argsPieces });
  }
  const written = textPieces.length + toolCalls.reduce((sum, { argsPieces }) => sum + argsPieces.length + 1, 0);
  const counted: ReportedUsage = {
    inputTokens: inputTokens(request, tokenize),
    cachedInputTokens: reply.cachedInputTokens ?? 0,
    outputTokens: reasoningTokens + written * request.n,
    reasoningTokens,
    ...(reply.cacheWriteTokens === undefined ? {} : { cacheWriteTokens: reply.cacheWriteTokens }),
  };
  return { textPieces, toolCalls, isCut, usage: typeof reply.usage === 'object' ? { ...counted, ...reply.usage } : counted };
}

function inputTokens({ api, messages, body }: WireRequest, tokenize: Tokenize): number {
  const perMessage = api === 'embeddings' ? 0 : TOKENS_PER_MESSAGE;
  const inMessages = messages.reduce((sum, { text, toolCalls }) => {
    const inCalls = toolCalls.reduce((calls, { name, args }) => calls + tokenize(name).length + tokenize(args).length, 0);
    return sum + perMessage + tokenize(text).length + inCalls;
  }, 0);
  return inMessages + (body['tools'] === undefined ? 0 : tokenize(JSON.stringify(body['tools'])).length);
}
