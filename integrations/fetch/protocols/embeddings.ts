import { reportedUsage } from 'holdfast';
import { stringIn, type Json } from '../json.ts';
import { modelOf, providerOf, resultOf } from './chat.ts';
import { openAIError } from './openai-error.ts';
import type { Protocol } from './protocol.ts';
import { textsOf } from './texts.ts';

const inputOf = ({ input }: Json): string => textsOf(input).join('\n');

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
  // Never asked for: no text stands for a vector, so `canEdit` has no answer.
  answer: () => ({}),
  answerStream: () => '',
  withoutTools: (response) => response,
  eventWithoutTools: (text) => text,
  error: openAIError,
};
