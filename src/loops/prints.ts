import type { StepRecord } from '../core/step.ts';
import { canonicalArgs, textOf } from './canonical.ts';
import { natureOf, type Nature } from './effect.ts';
import { hashName, hashNumbers, hashText } from './hash.ts';
import type { ToolPolicy } from './options.ts';
import { scan, wordRoom, type Scan } from './scan.ts';

/**
 * What kind of answer a call got: something; nothing (a search without a match, an empty list); or a refusal.
 * Twenty searches without a match are less of a loop than twenty refusals.
 */
export type Outcome = 'answer' | 'miss' | 'failure';

/** What the detectors compare of one step. Computed once. */
export interface Prints {
  readonly step: StepRecord;
  readonly policy: ToolPolicy | undefined;
  readonly nature: Nature;
  /** Which round of which agent: steps with the same key were asked for at once. */
  readonly round: number;
  /** Hash of the run, the tool and its canonical arguments; for words of a model, of the speaker and the words. */
  readonly call: number;
  /** The same without the run: what any agent of the tree would ask. */
  readonly question: number;
  /** Hash of the result without its volatile parts. */
  readonly result: number;
  /** Hash of the result's form: numbers lifted out. */
  readonly form: number;
  readonly isError: boolean;
  readonly outcome: Outcome;
  /** A failure that often goes away by itself: rate limits, timeouts, overload. */
  readonly isTransient: boolean;
  /** Hashes of the words and of the numbers and ids of the arguments and of the result; bounded. */
  readonly argsWords: Int32Array;
  readonly argsMarks: readonly number[];
  /** What the call names beside words: numbers, ids, files, addresses. Found when first asked for. */
  readonly targets: () => readonly number[];
  readonly resultWords: Int32Array;
  readonly resultMarks: readonly number[];
  /** Sizes in characters. */
  readonly argsSize: number;
  readonly resultSize: number;
  /** The canonical arguments, for evidence and growth; never kept beyond a bound. */
  readonly argsText: string;
  readonly resultText: string;
}

const noWords: ReadonlySet<string> = new Set();

/** What of a tool's result is compared, where that is less than all of it; undefined for all. */
export type Settle = (step: StepRecord, call: number) => unknown;
const asItIs: Settle = () => undefined;

/** The words of a step are used up before the next one comes. */
const argsRoom = wordRoom();
const resultRoom = wordRoom();

/** The prints of a step, good until those of the next are made; undefined where it takes no part in loop detection. */
export function printsOf(step: StepRecord, policy: ToolPolicy | undefined, settle: Settle = asItIs): Prints | undefined {
  if (policy?.loopKey === false) return undefined;
  const isTool = step.kind === 'tool';
  if (!isTool && step.toolCalls !== undefined && step.toolCalls.length > 0) return undefined;
  const ignored = policy?.ignore === undefined ? noWords : new Set(policy.ignore);
  const keyed = isTool ? keyedArgs(step.args, policy) : undefined;
  const argsText = isTool ? canonicalArgs(keyed, ignored) : '';
  const resultText = resultTextOf(step, ignored);
  let targets: readonly number[] | undefined;
  const args = scan(valuesOf(argsText), argsRoom);
  const result = scan(resultText, resultRoom);
  const isCut = step.argsHash !== undefined && policy?.loopKey === undefined;
  const asked = isTool ? hashNumbers(hashName(step.name), isCut ? hashText(step.argsHash) : hashText(argsText)) : 0;
  const question = isTool ? asked : hashNumbers(hashName(step.agent ?? ''), settledOf(step, result));
  const call = hashNumbers(hashName(step.runId), question);
  const rest = isTool && step.outputHash === undefined ? settle(step, call) : undefined;
  const compared = rest === undefined ? result : scan(textOf(rest, ignored));
  const isError = step.isError === true || step.error !== undefined || (isTool && looksFailed(resultText));
  return {
    step,
    policy,
    nature: natureOf(isTool ? step.name : '', step.args, policy, step.hints),
    round: hashNumbers(hashName(step.runId), step.round),
    call,
    question,
    result: isTool ? settledOf(step, compared) : hashText(step.reply ?? ''),
    form: compared.form,
    isError,
    outcome: isMiss(resultText) ? 'miss' : isError || (isTool && asksAgain(resultText)) ? 'failure' : 'answer',
    isTransient: isError && TRANSIENT.test(resultText.slice(0, 500)),
    argsWords: isTool ? withoutName(args.words, step.name) : args.words,
    argsMarks: args.marks,
    targets: () => (targets ??= [...args.marks, ...pathsOf(argsText)].slice(0, TARGETS_MAX)),
    resultWords: result.words,
    resultMarks: result.marks,
    argsSize: argsText.length,
    resultSize: resultText.length,
    argsText,
    resultText,
  };
}

const settledOf = ({ outputHash }: StepRecord, { settled }: Scan): number => (outputHash === undefined ? settled : hashText(outputHash));

const FAILURE =
  /^\W*(?:\w+: )?(?:error|exception|traceback|fatal|failed|failure|denied|invalid|unknown|usage:|cannot|could not|unable|not found|no such|access denied|permission)|command not found|no such file|permission denied|does not exist|syntax error|^\W*"?(?:error|success"?: ?false)/i;
const REFUSAL =
  /\b(?:denied|refused|rejected|forbidden|unauthori[sz]ed|not (?:allowed|permitted|authori[sz]ed)|blocked|could ?n[o']t|unable to|cannot be|can't be|declined|insufficient|(?:quota|limit)(?: \w+){0,3} (?:exceeded|reached|used up|exhausted)|(?:did|was|were) not (?:appear|match|applied|performed|found)|no replacement)\b/i;
/** What compilers, interpreters, test runners and validators say, wherever in a short answer. */
const REPORTED =
  /\b[Vv]alidation error|^\s*(?:[a-z]\w*\.)*[A-Z]\w*(?:Error|Exception)\b|\b[1-9]\d* (?:tests? )?(?:failed|failing|failures?)\b|\bexit (?:code|status):? [1-9]|\*\*\* \[/m;
/** An answer that only asks for the same tool once more. */
const ASKS_AGAIN = /\b(?:call|use|run|invoke) (?:\S+ ){1,4}?again\b/i;
const TRANSIENT =
  /\b(?:429|502|503|504|rate.?limit|too many requests|timed? ?out|time-?out|temporarily|overloaded|try again later|retry.after|connection reset)\b/i;

const MISS =
  /\b(?:no match(?:es)?|not found|no (?:results?|records?|entries|hits|items)|nothing (?:found|matched)|0 (?:results|matches|rows|hits)|empty (?:result|set))\b/i;
const EMPTY_LIST = /"(?:items|results?|data|records|rows|hits|matches|entries|list|documents|events|messages)": ?\[ ?\]/;
const NOTHING = /^[\s"'[\]{}().]*(?:null|none|undefined|nil|0|false)?[\s"'[\]{}().]*$/i;

/** A search that came back with nothing. */
const isMiss = (text: string): boolean =>
  text.length < 400 && (NOTHING.test(text) || EMPTY_LIST.test(text) || (MISS.test(text) && !text.includes('command not found')));

/** The text of the values alone: the names of fields are the same in every call of a tool. */
const valuesOf = (args: string): string => args.replace(/"[^"\\]{1,64}":/g, ' ');

const PATHS = /[\w.~-]*\/[\w./~*-]*[\w*]|[\w-]+\.[a-z]{1,5}\b/gi;
const PATHS_MAX = 16;
const PATHS_WITHIN = 600;
const TARGETS_MAX = 80;

/** Files, folders and addresses that a call names: its targets, beside numbers and ids. */
const pathsOf = (args: string): readonly number[] =>
  (args.slice(0, PATHS_WITHIN).match(PATHS) ?? []).slice(0, PATHS_MAX).map((path) => hashText(path) | 0);

/** The tool's own name, as in `grep -r x`, says nothing of what is asked. */
function withoutName(words: Int32Array, name: string): Int32Array {
  const own = wordsOfName(name);
  for (let at = 0; at < words.length; at++) if (own.includes(words[at]!)) return words.filter((word) => !own.includes(word));
  return words;
}

const names = new Map<string, readonly number[]>();
const NAMES_MAX = 512;

/** Asked at every step, so remembered. */
function wordsOfName(name: string): readonly number[] {
  const known = names.get(name);
  if (known !== undefined) return known;
  const words = [...scan(name.slice(0, 100)).words];
  if (names.size >= NAMES_MAX) names.clear();
  names.set(name, words);
  return words;
}

const FAILURE_MAX = 600;
const REFUSAL_MAX = 200;

/** What was asked may be whether something is so. */
const JUDGEMENT = /^\W*(?:invalid|unknown)\W*$/i;

/** Many tools tell of a failure only in words. Short answers are read for them; long ones are taken as answers. */
function looksFailed(text: string): boolean {
  if (text.length === 0 || text.length >= FAILURE_MAX || JUDGEMENT.test(text)) return false;
  return FAILURE.test(text.slice(0, 300)) || REPORTED.test(text) || (text.length < REFUSAL_MAX && REFUSAL.test(text));
}

const asksAgain = (text: string): boolean => text.length < REFUSAL_MAX && ASKS_AGAIN.test(text);

function resultTextOf(step: StepRecord, ignored: ReadonlySet<string>): string {
  const output = step.output ?? step.error;
  if (output instanceof Error) return `${output.name}: ${output.message}`;
  return typeof output === 'string' ? output : textOf(output, ignored);
}

function keyedArgs(args: unknown, policy: ToolPolicy | undefined): unknown {
  const key = policy?.loopKey;
  if (typeof key === 'function') {
    try {
      return key(args);
    } catch {
      return args;
    }
  }
  if (!Array.isArray(key) || typeof args !== 'object' || args === null) return args;
  return Object.fromEntries(key.map((name: string) => [name, (args as Record<string, unknown>)[name]]));
}
