import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { InvalidOptionError } from 'holdfast';
import { exitCodes, type Command, type Io } from '../io.ts';
import { portOf } from '../port.ts';
import { UsageError } from '../usage-error.ts';
import { checkedConfiguration, guardFrom, readConfiguration } from './configuration/load.ts';
import { jsonSchema, type Configuration } from './configuration/schema.ts';
import { secretsFrom } from './configuration/secret.ts';
import { authenticateBy, newKey } from './keys.ts';

const help = `holdfast proxy --upstream URL [--config FILE]   a guard for agents in any language: set their base URL to it

Speaks OpenAI's Chat Completions, Responses and Embeddings and Anthropic's Messages, streaming and not. Every call is held,
metered and judged as in process; a refusal is answered as the provider would, so that SDKs raise their own errors.

  --upstream URL  where calls go, such as https://api.openai.com/v1 (or \`upstream\` in the configuration)
  --config FILE   the options of createGuard as JSON, keys, bounds; see docs/proxy.md
  --port N        default 4800; 0 takes any that is free
  --host ADDRESS  default 127.0.0.1; any address that other machines can reach needs keys
  --check         says whether the configuration can be used, and ends
  --new-key       makes a key for a client, with the hash that the configuration keeps of it
  --schema        prints the JSON schema of the configuration, for editors
  --json          prints { "url" } and nothing else

/healthz, /metrics (npm install prom-client) and /dashboard/ are served beside the calls.
Ends with Ctrl-C or SIGTERM, once what is being served has come to its end.
Exit codes: 0 ended, 1 failed (the port is taken, requests were cut off), 2 wrong usage.
`;

/** `holdfast proxy`. */
export const proxyCommand: Command = {
  help,
  async run(args, io) {
    try {
      return await runProxy(args, io);
    } catch (error) {
      if (!(error instanceof UsageError) && !(error instanceof InvalidOptionError)) throw error;
      io.err(`holdfast proxy: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

async function runProxy(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      upstream: { type: 'string' },
      config: { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
      check: { type: 'boolean' },
      'new-key': { type: 'boolean' },
      schema: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  if (values.schema) {
    io.out(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
    return exitCodes.ok;
  }
  if (values['new-key']) return tellNewKey(io, values.json ?? false);
  const configuration = values.config === undefined ? checkedConfiguration({}) : readConfiguration(values.config);
  if (values.check) return check(configuration, io);
  const port = values.port === undefined ? (configuration.listen?.port ?? 4800) : portOf(values.port);
  const host = values.host ?? configuration.listen?.host ?? '127.0.0.1';
  return serve(configuration, { upstream: values.upstream, port, host, isJson: values.json ?? false }, io);
}

function tellNewKey(io: Io, isJson: boolean): number {
  const made = newKey();
  io.out(
    isJson
      ? `${JSON.stringify(made)}\n`
      : `for the client:            ${made.key}\nfor "keys" in the config:  { "name": "…", "sha256": "${made.sha256}" }\n`,
  );
  return exitCodes.ok;
}

async function check(configuration: Configuration, io: Io): Promise<number> {
  const secrets = secretsFrom(io.env);
  if (configuration.keys) authenticateBy(configuration.keys, secrets);
  await guardFrom(configuration, secrets, undefined).close();
  io.out('the configuration can be used\n');
  return exitCodes.ok;
}

async function serve(
  configuration: Configuration,
  { upstream, port, host, isJson }: { upstream: string | undefined; port: number; host: string; isJson: boolean },
  io: Io,
): Promise<number> {
  const { serveProxy } = await import('./serve-proxy.ts');
  const proxy = await serveProxy({ configuration, secrets: secretsFrom(io.env), upstream, port, host });
  const stop = new AbortController();
  const terminate = (): void => stop.abort();
  process.once('SIGTERM', terminate);
  io.signal.addEventListener('abort', terminate, { once: true });
  try {
    io.out(isJson ? `${JSON.stringify({ url: proxy.url })}\n` : `holdfast proxy: ${proxy.url}\nCtrl-C ends it.\n`);
    if (!io.signal.aborted) await once(stop.signal, 'abort');
    if (!isJson) io.err('holdfast proxy: waiting for what is being served\n');
  } finally {
    process.off('SIGTERM', terminate);
    io.signal.removeEventListener('abort', terminate);
  }
  const isDone = await proxy.close();
  if (!isDone) io.err('holdfast proxy: requests that took too long were cut off\n');
  return isDone ? exitCodes.ok : exitCodes.failed;
}
