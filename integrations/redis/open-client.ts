import { InvalidOptionError } from 'holdfast';
import { redisCommands, type RedisClient, type RedisCommands } from './clients.ts';

/** Commands through a client that the store opens with the first of them, and closes. */
export function openedCommands(url: string): RedisCommands & { close(): Promise<void> } {
  let opening: Promise<OpenedClient> | undefined;
  const commands = async (): Promise<RedisCommands> => {
    const own = (opening ??= openClient(url));
    try {
      const { client, connected } = await own;
      if (connected) await connected;
      return redisCommands(client);
    } catch (error) {
      // What could not be opened is tried anew with the next command.
      if (opening === own) opening = undefined;
      throw error;
    }
  };
  return {
    isCluster: false,
    send: async (key, command) => (await commands()).send(key, command),
    servers: async () => (await commands()).servers(),
    close: async () => (await opening)?.close(),
  };
}

interface OpenedClient {
  readonly client: RedisClient;
  /** For a client that must be connected before it is asked. It tries until it is, or is closed. */
  readonly connected?: Promise<unknown>;
  close(): Promise<void>;
}

/** Opens a client for a URL with whichever library is installed. @throws InvalidOptionError when there is none */
async function openClient(url: string): Promise<OpenedClient> {
  const ioredis = await loaded(() => import('ioredis'));
  if (ioredis) {
    const client = new ioredis.Redis(url, { maxRetriesPerRequest: 1 });
    // Every failed attempt to connect is an event; the commands that it concerns fail for themselves.
    client.on('error', () => {});
    return { client, close: async () => client.disconnect() };
  }
  const nodeRedis = await loaded(() => import('redis'));
  if (nodeRedis) {
    const client = nodeRedis.createClient({ url });
    client.on('error', () => {});
    const connected = client.connect();
    return {
      client,
      connected,
      close: async () => {
        if (client.isOpen) client.destroy();
      },
    };
  }
  const message = 'a URL needs a client library; run `npm install ioredis` or `npm install redis`';
  throw new InvalidOptionError('redisStore', [{ path: 'client', message, value: 'a URL' }]);
}

async function loaded<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch {
    return undefined;
  }
}
