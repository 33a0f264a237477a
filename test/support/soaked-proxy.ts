/**
 * A proxy in a process of its own, that says how it stands when it is asked: `program UPSTREAM`, with --expose-gc. Each line that
 * it reads is such a question. It knows its own sockets and timers alone: clients and upstream are elsewhere.
 */
import { createInterface } from 'node:readline';
import { createGuard } from 'holdfast';
import { checkedConfiguration } from '../../integrations/cli/proxy/configuration/load.ts';
import { secretsFrom } from '../../integrations/cli/proxy/configuration/secret.ts';
import { serveProxy } from '../../integrations/cli/proxy/serve-proxy.ts';

/** How a process stands. */
export interface Standing {
  readonly sockets: number;
  readonly timers: number;
  readonly runs: number;
  readonly holds: number;
  readonly modelCalls: number;
  readonly heapBytes: number;
}

const budgets = { user: { modelCalls: 1_000_000, tokens: 1_000_000_000 } } as const;
const guard = createGuard<string>({ budgets });
let runs = 0;
guard.on('run:start', () => void (runs += 1));
guard.on('run:end', () => void (runs -= 1));
const proxy = await serveProxy({
  configuration: checkedConfiguration({
    keys: [{ name: 'client', key: 'hf-a-key-of-a-client-for-tests', trustIds: true }],
    budgets,
    bounds: { runIdleMs: 1_000 },
  }),
  secrets: secretsFrom({}),
  upstream: process.argv[2] ?? '',
  port: 0,
  host: '127.0.0.1',
  guard,
});

async function standing(): Promise<Standing> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    (globalThis as { gc?: () => void }).gc?.();
  }
  const resources = process.getActiveResourcesInfo();
  const { used, held } = await guard.read('user', 'client');
  return {
    sockets: resources.filter((name) => name === 'TCPSocketWrap' || name === 'TCPWrap').length,
    timers: resources.filter((name) => name === 'Timeout').length,
    runs,
    holds: held.modelCalls + held.tokens,
    modelCalls: used.modelCalls,
    heapBytes: process.memoryUsage().heapUsed,
  };
}

const tell = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
tell({ url: proxy.url });
createInterface({ input: process.stdin }).on('line', () => void standing().then(tell));
