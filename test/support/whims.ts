import { once } from 'node:events';
import { createServer, request as httpRequest, type Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What there is of each: how a request is made, what becomes of it upstream, and what its client does. */
export const whimsOf = {
  api: ['chat', 'responses'],
  isStreamed: [true, false],
  usage: ['whole', 'whole', 'partial', 'missing', 'null', 'nonsense'],
  fault: [
    'none',
    'none',
    'none',
    'none',
    'refused',
    'limited',
    'broken',
    'reset',
    'cut',
    'halved',
    'garbage',
    'page',
    'bad event',
    'no end',
    'empty',
  ],
  client: ['stays', 'stays', 'stays', 'leaves at once', 'leaves soon'],
  words: [0, 1, 40],
  repeats: [0, 0, 1, 2],
} as const;

/** One request: it carries itself to the upstream, which does as it says. */
export type Whim = { readonly [K in keyof typeof whimsOf]: (typeof whimsOf)[K][number] };

export const leaves = ({ client }: Whim): boolean => client !== 'stays';

function bodyOf(whim: Whim): string {
  const content = JSON.stringify(whim);
  const call = whim.api === 'chat' ? { messages: [{ role: 'user', content }] } : { input: content };
  return JSON.stringify({ model: 'gpt-4o-mini', ...call, ...(whim.isStreamed && { stream: true }) });
}

function whimIn(body: string): Whim {
  const call = JSON.parse(body) as { messages?: { content: string }[]; input?: string };
  return JSON.parse(call.messages?.at(-1)?.content ?? call.input ?? '') as Whim;
}

function usageOf({ api, usage, words }: Whim): object {
  const [input, output] = api === 'chat' ? ['prompt_tokens', 'completion_tokens'] : ['input_tokens', 'output_tokens'];
  if (usage === 'missing') return {};
  if (usage === 'null') return { usage: null };
  if (usage === 'nonsense') return { usage: { [input]: 'many', [output]: -3 } };
  return { usage: { [input]: 20, ...(usage === 'whole' && { [output]: words, total_tokens: 20 + words }) } };
}

function wholeAnswer(whim: Whim): string {
  const text = 'word '.repeat(whim.words);
  const own =
    whim.api === 'chat'
      ? { object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }] }
      : {
          object: 'response',
          status: 'completed',
          output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] }],
        };
  return JSON.stringify({ id: 'a1', model: 'gpt-4o-mini', ...own, ...usageOf(whim) });
}

function events(whim: Whim): string[] {
  const words = Array.from({ length: whim.words }, () => 'word ');
  if (whim.api === 'chat') {
    const chunk = (choices: object[], more: object = {}): string =>
      `data: ${JSON.stringify({ id: 'a1', object: 'chat.completion.chunk', model: 'gpt-4o-mini', choices, ...more })}\n\n`;
    return [
      ...words.map((content) => chunk([{ index: 0, delta: { content } }])),
      chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
      chunk([], usageOf(whim)),
      'data: [DONE]\n\n',
    ];
  }
  const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const response = { id: 'a1', model: 'gpt-4o-mini', status: 'completed', ...usageOf(whim) };
  return [...words.map((delta) => event('response.output_text.delta', { delta })), event('response.completed', { response })];
}

function answerTo(whim: Whim, response: ServerResponse): void {
  const { fault, isStreamed } = whim;
  const status = fault === 'refused' ? 400 : fault === 'limited' ? 429 : fault === 'broken' ? 500 : 200;
  const send = (type: string, text: string): void => void response.writeHead(status, { 'content-type': type }).end(text);
  if (status !== 200) return send('application/json', '{"error":{"message":"no","type":"whim"}}');
  if (fault === 'reset') return void response.destroy();
  if (fault === 'page') return send('text/html', '<p>hello</p>');
  if (fault === 'empty') return send(isStreamed ? 'text/event-stream' : 'application/json', '');
  if (!isStreamed) {
    const whole = wholeAnswer(whim);
    const half = whole.slice(0, whole.length / 2);
    if (fault === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length });
      return void response.write(half, () => response.destroy());
    }
    return send('application/json', fault === 'halved' ? half : fault === 'garbage' || fault === 'bad event' ? 'hello' : whole);
  }
  const all = events(whim);
  const some = fault === 'none' ? all : fault === 'no end' ? all.slice(0, -1) : all.slice(0, all.length / 2);
  if (fault === 'bad event') some.push('data: {"choices":[{\n\n', 'event\n\n', ...all);
  if (fault === 'garbage') some.unshift('hello');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  // Pieces do not end where events do.
  const text = some.join('');
  for (let from = 0; from < text.length; from += 97) response.write(text.slice(from, from + 97));
  if (fault === 'cut') response.write('', () => response.destroy());
  else response.end();
}

/** A provider that answers each request as that one wants. `seen`: requests that arrived whole; `rest`: ends connections that are not in use. */
export async function whimsicalUpstream(): Promise<{
  readonly url: string;
  readonly seen: () => number;
  rest(): void;
  close(): Promise<void>;
}> {
  let seen = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => (body += piece));
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => {
      seen += 1;
      answerTo(whimIn(body), response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    seen: () => seen,
    rest: () => server.closeIdleConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Makes a request as its client does. Gives the status that the client was told, if any. */
export function ask(proxyUrl: string, headers: Record<string, string>, whim: Whim, agent?: Agent): Promise<number | undefined> {
  const url = `${proxyUrl}/v1/${whim.api === 'chat' ? 'chat/completions' : 'responses'}`;
  return new Promise((resolve) => {
    let status: number | undefined;
    const done = (): void => resolve(status);
    const request = httpRequest(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, agent });
    request.on('response', (response: IncomingMessage) => {
      status = response.statusCode;
      response.on('error', () => {});
      response.on('close', done);
      if (whim.client === 'leaves soon') response.once('data', () => response.destroy());
      response.resume();
    });
    request.on('error', done);
    request.end(bodyOf(whim));
    if (whim.client === 'leaves at once') setTimeout(() => request.destroy(), 1);
  });
}
