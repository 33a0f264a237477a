/** A text or bytes, as they go over the wire. */
export type WireArgument = string | Buffer;

/** All that the store needs of a client: commands, by their first key where there is one. */
export interface RedisCommands {
  readonly isCluster: boolean;
  /** Sends a command. In a cluster `key` says which server is asked. Texts in the answer of a script and of `MGET` come as the bytes that they are. */
  send(key: string | undefined, command: Command): Promise<unknown>;
  /** A way to each server that holds keys. */
  servers(): Promise<readonly SendCommand[]>;
}

type Command = readonly [name: string, ...args: WireArgument[]];
export type SendCommand = (command: Command) => Promise<unknown>;

/** A connected ioredis client: `Redis` or `Cluster`. */
export interface IoredisClient {
  call(command: string, ...args: WireArgument[]): Promise<unknown>;
  callBuffer(command: string, ...args: WireArgument[]): Promise<unknown>;
  readonly isCluster?: boolean;
}

interface IoredisCluster extends IoredisClient {
  nodes(role: 'master'): IoredisClient[];
}

/** A connected client of node-redis, made by `createClient`. */
export interface NodeRedisClient {
  sendCommand(args: WireArgument[], options?: object): Promise<unknown>;
}

/** A connected cluster client of node-redis, made by `createCluster`. */
export interface NodeRedisCluster {
  sendCommand(key: string | undefined, isReadonly: boolean | undefined, args: WireArgument[], options?: object): Promise<unknown>;
  readonly masters: readonly unknown[];
  nodeClient(node: never): NodeRedisClient | Promise<NodeRedisClient>;
}

/** A client of yours. The store sends commands through it and never closes it. */
export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster;

/** Whether a value is a client that the store can use. */
export const isRedisClient = (value: unknown): value is RedisClient =>
  typeof value === 'object' && value !== null && (isFunction(value, 'call') || isFunction(value, 'sendCommand'));

/** One face for every client. */
export function redisCommands(client: RedisClient): RedisCommands {
  if ('masters' in client) return nodeRedisCluster(client);
  if (isFunction(client, 'call')) return ioredis(client as IoredisClient);
  return nodeRedis(client as NodeRedisClient);
}

const answersBytes = ([name]: Command): boolean => name === 'EVALSHA' || name === 'EVAL' || name === 'MGET';

/** How node-redis is asked for bytes: from its version 5 on, and before. `$` is the type of a text in the protocol. */
const AS_BYTES = { typeMapping: { ['$'.charCodeAt(0)]: Buffer }, returnBuffers: true };

function nodeRedis(client: NodeRedisClient): RedisCommands {
  return {
    isCluster: false,
    send: (_key, command) => client.sendCommand([...command], answersBytes(command) ? AS_BYTES : undefined),
    servers: async () => [(command: Command) => client.sendCommand([...command])],
  };
}

function nodeRedisCluster(cluster: NodeRedisCluster): RedisCommands {
  return {
    isCluster: true,
    send: (key, command) => cluster.sendCommand(key, false, [...command], answersBytes(command) ? AS_BYTES : undefined),
    servers: () =>
      Promise.all(
        cluster.masters.map(async (master) => {
          const client = await cluster.nodeClient(master as never);
          return (command: Command) => client.sendCommand([...command]);
        }),
      ),
  };
}

function ioredis(client: IoredisClient): RedisCommands {
  const isCluster = client.isCluster === true;
  const nodes = (): IoredisClient[] => (isCluster ? (client as IoredisCluster).nodes('master') : [client]);
  return {
    isCluster,
    send: (_key, command) => (answersBytes(command) ? client.callBuffer(...command) : client.call(...command)),
    servers: async () => nodes().map((node) => (command: Command) => node.call(...command)),
  };
}

function isFunction(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === 'function';
}
