import { z } from 'zod';
import { guardFields } from './guard-part.ts';
import { ladderPart } from './ladder-part.ts';
import { secret } from './secret.ts';

const upstream = z.strictObject({
  url: z.string().describe('where calls go, such as https://api.openai.com/v1'),
  key: secret.optional().describe("the provider's key; without one, the client's own credential is passed on"),
});

const key = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.@-]{1,64}$/)
    .describe('the name of the key, for events and reports; also the user, where `scopes` names none'),
  key: secret.optional().describe('the key itself; better give its hash'),
  sha256: z
    .string()
    .regex(/^[\da-fA-F]{64}$/)
    .optional()
    .describe('the SHA-256 of the key in hex: holdfast proxy --new-key makes both'),
  scopes: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .optional()
    .describe('whose budgets it spends: { "tenant": "acme", "user": "alice" }'),
  trustIds: z.boolean().optional().describe('whoever has it may name users, features and sessions by header or path; default false'),
});

const milliseconds = z.int().min(1).max(2_147_483_647);

/** Bounds on what clients and upstreams may take, each with its default. */
const bounds = z.strictObject({
  bodyBytes: z.int().min(1).default(10_485_760).describe('the largest request body, as sent and decoded'),
  bufferedBytes: z.int().min(1).default(268_435_456).describe('all request bodies that are held at once'),
  headerBytes: z.int().min(1_024).max(1_048_576).default(16_384),
  connections: z.int().min(1).default(1_000),
  inFlight: z.int().min(1).default(256).describe('requests that are served at once'),
  headersTimeoutMs: milliseconds.default(10_000).describe('how long a client may take to send its headers'),
  bodyTimeoutMs: milliseconds.default(30_000).describe('how long a client may take to send its body'),
  clientIdleMs: milliseconds.default(60_000).describe('how long a client may leave a response unread'),
  upstreamIdleMs: milliseconds.default(600_000).describe('how long an upstream may be silent'),
  runIdleMs: milliseconds.default(900_000).describe('how long a run waits for its next request before it ends'),
  runs: z.int().min(1).default(5_000).describe('runs that are alive at once'),
  newAccountsPerHour: z.int().min(1).default(10_000).describe('accounts that a tenant may begin in an hour'),
  drainMs: milliseconds.default(30_000).describe('how long a shutdown waits for requests that are being served'),
});

/** The whole configuration file. */
export const configurationSchema = z.strictObject({
  $schema: z.string().optional(),
  ...guardFields,
  ladder: ladderPart.optional().describe('what is done before a run is halted'),
  upstream: z
    .union([z.string(), upstream, z.strictObject({ openai: upstream.optional(), anthropic: upstream.optional() })])
    .optional()
    .describe('where calls go: one address for all, or one for each protocol'),
  keys: z.array(key).max(10_000).optional().describe('who may call; without any, only this machine may, each credential being a user'),
  store: z
    .strictObject({ redis: secret.describe('the URL of a Redis or Valkey'), prefix: z.string().optional() })
    .optional()
    .describe('where budgets are kept; default: in this process'),
  listen: z.strictObject({ port: z.int().min(0).max(65_535).optional(), host: z.string().optional() }).optional(),
  admin: z
    .strictObject({
      token: secret.optional().describe('who has it may see /metrics and act on /dashboard/; at least 16 characters'),
      hosts: z.array(z.string()).optional().describe('names under which the dashboard is reached'),
      dashboard: z.boolean().optional(),
      metrics: z.boolean().optional(),
    })
    .optional(),
  audit: z.string().optional().describe('a file to which everything that happens is written, without any content'),
  bounds: bounds.optional(),
});

export type Configuration = z.infer<typeof configurationSchema>;
export type Bounds = z.infer<typeof bounds>;
export type UpstreamPart = z.infer<typeof upstream>;
export type KeyPart = z.infer<typeof key>;

export const defaultBounds = (): Bounds => bounds.parse({});

/** The JSON schema of the configuration, for editors. */
export const jsonSchema = (): object => ({
  ...z.toJSONSchema(configurationSchema, { io: 'input', reused: 'ref' }),
  title: 'holdfast proxy',
  description: 'The configuration of holdfast proxy: the options of createGuard as far as JSON can say them, keys, and bounds.',
});
