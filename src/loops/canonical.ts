/**
 * One text for all arguments that mean the same: keys in the order of RFC 8785, cosmetic fields left out, outer white space and a
 * path's last slash dropped, JSON in a string read. Never throws; stops after a bounded number of values.
 */
const COSMETIC = new Set([
  'thought',
  'thoughts',
  'thinking',
  'reasoning',
  'reason',
  'rationale',
  'intent',
  'explanation',
  'justification',
  'purpose',
]);

/** What a caller says of its call, not to the tool, where that tells what to do by itself. */
const SAID_BESIDE = new Set(['description', 'summary', 'goal', 'why']);
const COMMANDS = new Set(['command', 'cmd', 'code', 'script', 'sql']);
/** Made anew for each call, so that no two are equal. */
const NONCES = new Set([
  '_meta',
  'nonce',
  'idempotency_key',
  'idempotencyKey',
  'trace_id',
  'traceId',
  'span_id',
  'spanId',
  'correlation_id',
  'correlationId',
  'tool_call_id',
  'toolCallId',
  'attempt',
  'attempt_number',
  'retry_count',
]);

const VALUES_MAX = 20_000;
const DEPTH_MAX = 64;
const PARSED_MAX = 65_536;

interface Walk {
  left: number;
  readonly ignored: ReadonlySet<string>;
  readonly open: object[];
}

const nothing: ReadonlySet<string> = new Set();

/** The canonical text of a call's arguments. */
export function canonicalArgs(args: unknown, ignored: ReadonlySet<string> = nothing): string {
  const value = typeof args === 'string' ? parsedOr(args) : args;
  return write(value, 0, { left: VALUES_MAX, ignored, open: [] });
}

/** The value that a text of JSON stands for, or the text itself. */
export function parsedOr(text: string): unknown {
  if (text.length > PARSED_MAX || !/^\s*[{[]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Any value as text: strings as they are, everything else canonical. For results. */
export function textOf(value: unknown, ignored: ReadonlySet<string> = nothing): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  return write(value, 1, { left: VALUES_MAX, ignored, open: [] });
}

function write(value: unknown, depth: number, walk: Walk): string {
  if (walk.left-- <= 0 || depth > DEPTH_MAX) return '"…"';
  if (typeof value === 'string') return JSON.stringify(tidy(value));
  if (typeof value === 'number') return Number.isFinite(value) ? String(value === 0 ? 0 : value) : 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value !== 'object') return 'null';
  if (walk.open.includes(value)) return '"↺"';
  walk.open.push(value);
  const text = writeObject(value, depth, walk);
  walk.open.pop();
  return text;
}

function writeObject(value: object, depth: number, walk: Walk): string {
  try {
    if (Array.isArray(value)) return writeList(value, value.length, depth, walk);
    if (Object.getPrototypeOf(value) !== Object.prototype) {
      if (value instanceof Date) return JSON.stringify(value.toISOString());
      if (ArrayBuffer.isView(value)) return `"bytes:${value.byteLength}"`;
      if (value instanceof Map) return write(Object.fromEntries(value), depth, walk);
      if (value instanceof Set) return writeList(value, value.size, depth, walk);
    }
    const parts: string[] = [];
    const fields = value as Record<string, unknown>;
    const keys = Object.keys(fields);
    if (keys.length > 1) keys.sort(byCodeUnits);
    const isCommand = depth === 0 && keys.some((key) => COMMANDS.has(key) && isCommandLine(fields[key]));
    for (const key of keys) {
      if (walk.left <= 0) break;
      if (fields[key] === undefined || walk.ignored.has(key)) continue;
      if (depth === 0 && keys.length > 1 && (COSMETIC.has(key) || NONCES.has(key) || (isCommand && SAID_BESIDE.has(key)))) continue;
      const value = isCommand && COMMANDS.has(key) ? withoutRemarks(fields[key]) : fields[key];
      parts.push(`${JSON.stringify(key)}:${write(value, depth + 1, walk)}`);
    }
    if (parts.length < keys.length && walk.left <= 0) parts.push(`"…":${keys.length}`);
    return `{${parts.join(',')}}`;
  } catch {
    // A getter or proxy of the host's that throws: the value has no content that can be compared.
    return '"unreadable"';
  }
}

/** One word is the name of an action, and what it acts on stands beside it. */
const isCommandLine = (value: unknown): boolean => typeof value === 'string' && /\S\s+\S/.test(value);

/** A command without the lines that are remarks: they tell a reader what it is for. */
function withoutRemarks(command: unknown): unknown {
  if (typeof command !== 'string' || !command.includes('# ')) return command;
  const bare = command.replace(/^[ \t]*# .*(?:\n|$)/gm, '');
  return bare.trim() === '' ? command : bare;
}

function writeList(items: Iterable<unknown>, size: number, depth: number, walk: Walk): string {
  const parts: string[] = [];
  for (const item of items) {
    if (walk.left <= 0) {
      parts.push(`"… ${size}"`);
      break;
    }
    parts.push(write(item, depth + 1, walk));
  }
  return `[${parts.join(',')}]`;
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function tidy(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 1 && trimmed.endsWith('/') && !/\s/.test(trimmed) ? trimmed.slice(0, -1) : trimmed;
}
