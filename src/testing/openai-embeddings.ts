import type { ReplyFacts } from './openai-chat.ts';
import { stringOr } from './openai-conversation.ts';
import { InvalidRequest, type WireMessage, type WireRequest } from './openai-script.ts';
import type { CutReply } from './openai-tokens.ts';

/** Reads a request of the Embeddings API: each input is a message of the user's. */
export function readEmbeddingsRequest(body: Record<string, unknown>): WireRequest {
  const { input } = body;
  const inputs: unknown[] = typeof input === 'string' || isTokens(input) ? [input] : Array.isArray(input) ? input : [];
  if (inputs.length === 0 || inputs.includes('')) throw new InvalidRequest("'$.input' is invalid.");
  return {
    api: 'embeddings',
    model: stringOr(body['model'], ''),
    messages: inputs.map((each): WireMessage => ({ role: 'user', text: textOfInput(each), toolCalls: [] })),
    tools: [],
    maxOutputTokens: undefined,
    stream: false,
    includeUsage: true,
    n: 1,
    reasoningEffort: undefined,
    body,
  };
}

const isTokens = (input: unknown): input is number[] => Array.isArray(input) && input.length > 0 && input.every(Number.isInteger);

/** An input may be a list of token numbers: as many words. */
function textOfInput(input: unknown): string {
  if (typeof input === 'string') return input;
  if (isTokens(input)) return input.map(() => 'token').join(' ');
  throw new InvalidRequest("'$.input' is invalid.");
}

const DIMENSIONS = 8;

/** A short vector for each input, the same for the same text. */
export function embeddingsBody(reply: CutReply | undefined, { model, reportsUsage }: ReplyFacts, request: WireRequest): unknown {
  const isBase64 = request.body['encoding_format'] === 'base64';
  const data = request.messages.map(({ text }, index) => {
    const vector = vectorOf(text);
    return { object: 'embedding', index, embedding: isBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector] };
  });
  const { inputTokens = 0 } = reply?.usage ?? {};
  const usage = reply && reportsUsage ? { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } } : {};
  return { object: 'list', data: reply ? data : [], model, ...usage };
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (let at = 0; at < text.length; at += 1) vector[at % DIMENSIONS] = ((vector[at % DIMENSIONS] ?? 0) * 31 + text.charCodeAt(at)) % 1_009;
  return vector.map((value) => value / 1_009);
}
