import { reportedUsage } from 'holdfast';
import { fieldsOf, countIn, recordsOf, stringIn, type Json } from '../json.ts';
import { chat, modelOf, providerOf, resultOf } from './chat.ts';
import { openAIError } from './openai-error.ts';
import { event, type GivenAnswer, type Protocol } from './protocol.ts';
import { textsOf } from './texts.ts';

const saidIn = (response: Json): string =>
  recordsOf(response['choices'])
    .map(({ text }) => stringIn(text) ?? '')
    .join('');

const bodyOf = ({ id, createdAt, model }: GivenAnswer, text: string, finish_reason: string | null): Json => ({
  id: `cmpl-${id}`,
  object: 'text_completion',
  created: Math.floor(createdAt / 1_000),
  model,
  choices: [{ index: 0, text, logprobs: null, finish_reason }],
});

/** The old way: a text in, a text out. */
export const completions: Protocol = {
  read: (body, url) => ({
    call: {
      kind: 'model',
      model: modelOf(body, url),
      provider: providerOf(url),
      input: textsOf(body['prompt']).join('\n'),
      maxOutputTokens: countIn(body['max_tokens']),
      n: (countIn(body['best_of']) ?? countIn(body['n']) ?? 1) * Math.max(1, textsOf(body['prompt']).length),
    },
    streams: body['stream'] === true,
    results: [],
    previousId: undefined,
    canEdit: ['model', 'maxOutputTokens', 'answer'],
  }),
  edited: (body, _request, { model, maxOutputTokens }) => ({
    ...body,
    ...(model ? { model: model.name } : {}),
    ...(maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens }),
  }),
  ...(chat.withUsage ? { withUsage: chat.withUsage } : {}),
  finished: (response) => ({
    result: resultOf(saidIn(response), '', [], stringIn(response['model'])),
    usage: reportedUsage(response['usage']),
    id: stringIn(response['id']),
  }),
  reader() {
    let text = '';
    let usage: ReturnType<typeof reportedUsage>;
    let head: Json = {};
    return {
      take(data) {
        if (data === '[DONE]') return { isLast: true };
        const chunk = fieldsOf(data);
        if (chunk['error'] !== undefined)
          return { error: stringIn(fieldsOf(chunk['error'])['message']) ?? 'the provider reported an error' };
        const { choices, usage: reported, ...others } = chunk;
        head = others;
        usage = reportedUsage(reported) ?? usage;
        const delta = saidIn(chunk);
        text += delta;
        const isOnlyUsage = recordsOf(choices).length === 0 && reported;
        const onlyUsage = isOnlyUsage ? ('all' as const) : reported === null ? ('field' as const) : undefined;
        return { deltas: delta === '' ? [] : [{ text: delta, channel: 'text' }], ...(onlyUsage ? { onlyUsage } : {}) };
      },
      finished: () => ({ result: resultOf(text, '', [], stringIn(head['model'])), usage, id: stringIn(head['id']) }),
      tail: () => event({ ...head, choices: [{ index: 0, text: '', logprobs: null, finish_reason: 'length' }] }) + event('[DONE]'),
    };
  },
  answer: (given) => ({ ...bodyOf(given, given.text, 'stop'), usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }),
  answerStream: (given) => event(bodyOf(given, given.text, null)) + event(bodyOf(given, '', 'stop')) + event('[DONE]'),
  withoutTools: (response) => response,
  eventWithoutTools: (text) => text,
  error: openAIError,
};
