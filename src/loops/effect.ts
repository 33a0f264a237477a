import type { ToolHints } from '../core/step.ts';
import type { ToolPolicy } from './options.ts';

/** What a call does to the world, as far as can be told: from the policy, the host's hints, the tool's name, its command. */
export type Effect = 'read' | 'write' | 'unknown';

export interface Nature {
  readonly effect: Effect;
  /** A second identical call does the same thing to somebody twice. Declared, never guessed. */
  readonly hasSideEffects: boolean;
  /** The tool asks how something that runs by itself is getting on. */
  readonly isPoll: boolean;
  /** The tool only lets time pass. */
  readonly isWait: boolean;
  /** A command that lets time pass and then looks: `sleep 30; gh run view`. */
  readonly isPaced: boolean;
  /** Puts something in by hand: a page shows the same before and after. */
  readonly isInput: boolean;
  /** Passes the task to another agent, and does nothing else. */
  readonly isHandover: boolean;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const READS = words(
  'get list read search find query fetch view show describe desc lookup check inspect browse open cat ls grep rg head tail stat count ' +
    'scroll goto retrieve select explain status poll tree pwd whoami which where printenv env diff log wc du df ps file less more ' +
    'pragma with analyze validate verify test lint nl awk sed sort uniq cut jq echo history print think',
);
const WRITES = words(
  'create update delete insert write edit patch put set add remove send move rename append upload apply commit push merge install drop ' +
    'alter book cancel pay transfer submit save replace assign close mkdir touch cp mv rm tee chmod chown truncate grant revoke reply ' +
    'comment publish deploy import archive schedule order buy refund charge post',
);
/** Verbs that say nothing when another one follows: `post_search` reads. */
const WEAK = words('post put set do run');
const POLLS = words('status poll progress state health ping await output');
const WAITS = words('sleep wait pause delay');
const INPUTS = words('fill type press key drag hover input');
/** Fields that hold a command, a statement or the name of an action. */
const COMMAND_FIELDS = ['command', 'cmd', 'sql', 'query', 'statement', 'action_name', 'action', 'operation', 'method', 'code', 'script'];

/** Another command behind a pause. */
const MORE_COMMANDS = /[;&|\n]\s*\w/;

const WORDS_READ = 6;

/** Splits `getUserById`, `get_user`, `mcp__db__run-sql` into words. */
export const nameWords = (name: string): string[] =>
  name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);

function effectOfWords(found: readonly string[]): Effect {
  let weak: Effect = 'unknown';
  for (const word of found.slice(0, WORDS_READ)) {
    if (READS.has(word)) return 'read';
    if (WEAK.has(word)) weak = WRITES.has(word) ? 'write' : weak;
    else if (WRITES.has(word)) return 'write';
  }
  return weak;
}

/** The first words of a command or statement; a redirection into a file makes it a write. */
function effectOfCommand(text: string): Effect {
  const head = text.slice(0, 400);
  // One word is the name of an action: `patch_page`.
  if (!/\s/.test(head.trim())) return effectOfWords(nameWords(head));
  if (/(^|[^0-9&>])>>?\s*[^\s&>|]/.test(head.replace(/[0-9&]?>\s*\/dev\/null/g, '')) && !/^\s*(select|with)\b/i.test(head)) return 'write';
  if (/\bsed\s+-i\b/.test(head)) return 'write';
  const first = head
    .replace(/^\s*(?:--[^\n]*\n\s*)*/, '')
    .split(/[\n;|]|&&/)
    .find((part) => part.trim() !== '' && !/^\s*cd\b/.test(part));
  const verb = nameWords(first ?? '')[0];
  return verb === undefined || WEAK.has(verb) ? 'unknown' : effectOfWords([verb]);
}

function commandOf(args: unknown): string | undefined {
  if (typeof args === 'string') return args;
  if (typeof args !== 'object' || args === null) return undefined;
  try {
    for (const field of COMMAND_FIELDS) {
      const value = (args as Record<string, unknown>)[field];
      if (typeof value === 'string') return value;
    }
  } catch {
    // A getter of the host's that throws.
  }
  return undefined;
}

/** What a name says by itself; asked at every step, so remembered. */
interface NameNature {
  readonly effect: Effect;
  readonly isPoll: boolean;
  readonly isWait: boolean;
  readonly isInput: boolean;
  readonly isHandover: boolean;
}

const natures = new Map<string, NameNature>();
const NATURES_MAX = 512;

function natureOfName(name: string): NameNature {
  const known = natures.get(name);
  if (known !== undefined) return known;
  const found = nameWords(name);
  const nature = {
    effect: effectOfWords(found),
    isPoll: found.some((word) => POLLS.has(word)),
    isWait: found.some((word) => WAITS.has(word)),
    isInput: found.some((word) => INPUTS.has(word)),
    isHandover: HANDOVER.test(found.join(' ')),
  };
  if (natures.size >= NATURES_MAX) natures.clear();
  natures.set(name, nature);
  return nature;
}

const HANDOVER = /\b(?:transfer (?:back )?to|hand ?off|hand ?over)\b/;

const firstWord = (text: string): string => /^\W*([a-z]+)/i.exec(text.slice(0, 40))?.[1]?.toLowerCase() ?? '';

export function natureOf(name: string, args: unknown, policy: ToolPolicy | undefined, hints: ToolHints | undefined): Nature {
  const named = natureOfName(name);
  const command = named.effect === 'unknown' && !named.isWait ? commandOf(args) : undefined;
  const pauses = command !== undefined && WAITS.has(firstWord(command));
  const isPaced = pauses && MORE_COMMANDS.test(command);
  const hasSideEffects =
    policy?.sideEffects ?? (hints?.destructiveHint === true && hints.readOnlyHint !== true && hints.idempotentHint !== true);
  return {
    effect: declaredEffect(policy, hints) ?? (command === undefined ? named.effect : effectOfCommand(command)),
    hasSideEffects,
    isPoll: named.isPoll,
    isWait: named.isWait || (pauses && !isPaced),
    isPaced,
    isInput: named.isInput,
    isHandover: named.isHandover,
  };
}

function declaredEffect(policy: ToolPolicy | undefined, hints: ToolHints | undefined): Effect | undefined {
  if (policy?.sideEffects !== undefined) return policy.sideEffects ? 'write' : 'read';
  if (hints?.readOnlyHint !== undefined) return hints.readOnlyHint ? 'read' : 'write';
  return undefined;
}
