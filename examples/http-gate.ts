/** A gate in front of an AI endpoint: who asks, how much is it, may it pass. Here on node:http; `gate.web` is for Hono, Next and others. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard } from 'holdfast';
import { httpGate } from 'holdfast/http';
import { guardModel } from 'holdfast/langchain';

const cached = 'I have answered enough for today. The opening hours are 9 to 17.';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { user: { modelCalls: 2, window: 'day' }, feature: { usd: 20, window: 'day' } } });
  const model = guardModel(new ChatOpenAI({ model: 'gpt-4o-mini' }), guard);

  const gate = httpGate(guard, {
    scopes: (request) => ({ user: request.header('x-user'), feature: 'chat' }),
    maxInputTokens: 2_000,
    offers: [{ name: 'cached', at: 1 }],
  });
  const server = createServer((request, response) => {
    const served = gate.node(request, response, async () => {
      const { offer, run, text } = gate.admission(request)!;
      response.end(offer === 'cached' ? cached : (await model.invoke(text(), { signal: run.signal })).text);
    });
    served.catch(() => response.destroy());
  });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = (body: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/chat`, { method: 'POST', body, headers: { 'x-user': 'u1' } });
  try {
    for (const question of ['When do you open?', 'And on Sunday?', 'And on Monday?']) say(await (await ask(question)).text());
    const refused = await ask('word '.repeat(5_000));
    say(`${refused.status} ${refused.headers.get('content-type')}: ${((await refused.json()) as { title: string }).title}`);
  } finally {
    server.closeAllConnections();
    server.close();
    await guard.close();
  }
}
