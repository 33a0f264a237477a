import { recordsOf, stringIn, type Json } from '../json.ts';
import { modelOf, providerOf, resultOf } from './chat.ts';
import { openAIError } from './openai-error.ts';
import type { Protocol } from './protocol.ts';
import { reportedUsage } from './reported-usage.ts';

/** Tokens that were counted by the caller stand for as many short words. */
function inputOf({ input }: Json): string {
  if (!Array.isArray(input)) return stringIn(input) ?? '';
  return input.map((each: unknown) => (typeof each === 'string' ? each : Array.isArray(each) ? ' a'.repeat(each.length) : ' a')).join('\n');
}

/** The table of prices knows these models by their provider only, and many servers hand them on. */
const embedderOf = (model: string, url: URL): string | undefined =>
  providerOf(url) ?? (model.startsWith('text-embedding-') ? 'openai' : undefined);

/** Vectors for texts: input alone is paid for. */
export const embeddings: Protocol = {
  read: (body, url) => ({
    call: {
      kind: 'model',
      model: modelOf(body, url),
      provider: embedderOf(modelOf(body, url), url),
      input: inputOf(body),
      maxOutputTokens: 0,
    },
    streams: false,
    results: [],
    previousId: undefined,
    canEdit: [],
  }),
  edited: (body) => body,
  finished(response) {
    const usage = reportedUsage(response['usage']);
    return {
      result: resultOf('', '', [], stringIn(response['model'])),
      usage: usage && { ...usage, outputTokens: 0 },
      id: undefined,
    };
  },
  reader: () => ({ take: () => ({}), finished: () => ({ result: {}, usage: undefined, id: undefined }), tail: () => '' }),
  answer: ({ model }, body) => ({
    object: 'list',
    data: recordsOf(body['input']).map((_, index) => ({ object: 'embedding', index, embedding: [] })),
    model,
  }),
  answerStream: () => '',
  withoutTools: (response) => response,
  stopInPlaceOfTools: (text) => text,
  error: openAIError,
};
