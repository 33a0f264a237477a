import { createGuard, wrapUp } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { expect, it } from 'vitest';

const data = (event: object, indent?: number): string => `data: ${JSON.stringify(event, null, indent).replaceAll('\n', '')}\n\n`;
const chunk = (delta: object, finish_reason: string | null = null, indent = 0): string =>
  data({ id: 'c1', model: 'gpt-4o', choices: [{ index: 0, delta, finish_reason }] }, indent);
const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'search', arguments: '{}' } };

const block = { type: 'tool_use', id: 'call_1', name: 'search', input: {} };
const start = data({
  type: 'message_start',
  message: { id: 'm1', model: 'claude-haiku-4-5', usage: { input_tokens: 5, output_tokens: 1 } },
});
const words = data({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'It will rain.' } });
const stopped = (reason: string, indent = 0): string =>
  data({ type: 'message_delta', delta: { stop_reason: reason }, usage: { output_tokens: 2 } }, indent);

/** What a model says in a run's last call, and what its caller is told. */
const cases: Record<string, readonly [path: string, said: string, told: string]> = {
  'a call beside the words': [
    'chat/completions',
    chunk({ content: 'It will rain.', tool_calls: [call] }) + chunk({ tool_calls: [call] }) + chunk({}, 'tool_calls'),
    chunk({ content: 'It will rain.' }) + chunk({}, 'stop'),
  ],
  'a call in the event that ends it': ['chat/completions', chunk({ tool_calls: [call] }, 'tool_calls'), chunk({}, 'stop')],
  'an end with spaces in it': [
    'chat/completions',
    chunk({ content: 'It will rain.' }) + chunk({}, 'tool_calls', 1),
    chunk({ content: 'It will rain.' }) + chunk({}, 'stop'),
  ],
  'words that say that there are no calls': [
    'chat/completions',
    chunk({ content: 'It will', tool_calls: null }) + chunk({ content: ' rain.', tool_calls: [] }) + chunk({}, 'stop'),
    chunk({ content: 'It will' }) + chunk({ content: ' rain.' }) + chunk({}, 'stop'),
  ],
  'a call in Messages': [
    'messages',
    start +
      words +
      data({ type: 'content_block_start', index: 1, content_block: block }) +
      data({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{}' } }) +
      data({ type: 'content_block_stop', index: 1 }) +
      stopped('tool_use', 1) +
      data({ type: 'message_stop' }),
    start + words + stopped('end_turn') + data({ type: 'message_stop' }),
  ],
};

it.each(Object.entries(cases))('in its last call a run asks for nothing more: %s', async (_name, [path, said, told]) => {
  const guard = createGuard({ budgets: { run: { modelCalls: 1 } }, ladder: [wrapUp()] });
  const upstream = (): Promise<Response> => Promise.resolve(new Response(said, { headers: { 'content-type': 'text/event-stream' } }));
  const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Rain?' }], max_tokens: 100, stream: true };
  const response = await guardFetch(guard, { fetch: upstream, asksForUsage: false })(`https://api.test/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const events = (text: string): unknown[] =>
    text
      .split('\n\n')
      .filter((each) => each !== '')
      .map((each) => JSON.parse(each.slice(6)) as unknown);
  expect(events(await response.text())).toEqual(events(told));
  await guard.close();
});
