// The servers of bench/proxy.mjs: `upstream` answers as OpenAI would, `bare URL` passes everything on and does nothing else.
import { Agent, createServer, request as ask } from 'node:http';

const [role, target] = process.argv.slice(2);

const usage = { prompt_tokens: 500, completion_tokens: 200, total_tokens: 700 };
const head = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-4o-mini' };
const whole = JSON.stringify({
  ...head,
  choices: [{ index: 0, message: { role: 'assistant', content: 'It will rain. '.repeat(40) }, finish_reason: 'stop' }],
  usage,
});
const event = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (delta, finish_reason = null) =>
  event({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }], usage: null });
const events = [
  ...Array.from({ length: 198 }, (_, place) => chunk(place === 0 ? { role: 'assistant', content: '' } : { content: `rain ${place} ` })),
  event({ ...head, object: 'chat.completion.chunk', choices: [], usage }),
  event('[DONE]'),
];

function upstream(request, response) {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', async () => {
    if (!Buffer.concat(pieces).includes('"stream":true')) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) }).end(whole);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // A turn of the loop between two chunks, so that they are chunks on the wire, too.
    for (const each of events) {
      response.write(each);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
}

const agent = new Agent({ keepAlive: true });
function bare(request, response) {
  const { host: _host, ...headers } = request.headers;
  const onward = ask(`${target}${request.url}`, { method: request.method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

const server = createServer(role === 'upstream' ? upstream : bare);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })));
