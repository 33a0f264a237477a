import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { auditRuns, isAuditEntry } from './formats/audit.ts';
import { isChat, readChat } from './formats/chat.ts';
import { isOtlp, runsOfSpans, spansOf, type GenAiSpan } from './formats/otlp.ts';
import { isTrace, readTrace } from './formats/trace.ts';
import { isRecord, type RecordedRun } from './recorded-run.ts';

/** What a file gave: a run, or a place that could not be read. */
export type Reading =
  | { readonly kind: 'run'; readonly run: RecordedRun }
  | { readonly kind: 'problem'; readonly file: string; readonly line: number; readonly problem: string };

/** Files that are one JSON value over many lines are held whole, up to this many characters. */
const WHOLE_MAX = 256 * 1024 * 1024;
const SPANS_MAX = 1_000_000;

/**
 * Reads a file line by line, or as one JSON value where its first line is not a whole one. `.gz` is unpacked.
 * A line that cannot be read is told and skipped.
 */
export async function* readRuns(file: string, onBytes: (read: number, total: number) => void = () => undefined): AsyncGenerator<Reading> {
  const total = (await stat(file)).size;
  const raw = createReadStream(file);
  let read = 0;
  raw.on('data', (chunk) => onBytes((read += chunk.length), total));
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  // A stream that fails while it is piped does not fail its reader.
  if (input !== raw) raw.on('error', (error) => input.destroy(error));
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const spans: GenAiSpan[] = [];
  const logged = auditRuns();
  const messages: unknown[] = [];
  const keepSpans = (value: Readonly<Record<string, unknown>>): void => {
    for (const span of spansOf(value)) if (spans.length < SPANS_MAX) spans.push(span);
  };
  let whole: string[] | undefined;
  let length = 0;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (whole === undefined && line.trim() === '') continue;
    if (whole?.length === 1 && whole[0]?.trimStart().startsWith('{') && isRecord(parse(line))) {
      // What follows is a line of its own: the first one was torn.
      yield { kind: 'problem', file, line: 1, problem: 'is not JSON' };
      whole = undefined;
    }
    if (whole !== undefined) {
      length += line.length;
      if (length <= WHOLE_MAX) whole.push(line);
      continue;
    }
    const value = parse(line);
    if (value === undefined) {
      if (number === 1 && /^\s*[[{]/.test(line)) whole = [line];
      else yield { kind: 'problem', file, line: number, problem: 'is not JSON' };
    } else if (isAuditEntry(value)) {
      const ended = logged.add(value);
      if (typeof ended === 'string') yield { kind: 'problem', file, line: number, problem: ended };
      else for (const run of ended) yield { kind: 'run', run };
    } else if (isOtlp(value)) {
      keepSpans(value);
    } else if (isRecord(value) && typeof value['role'] === 'string') {
      messages.push(value);
    } else yield* runsOf(value, file, number);
  }
  if (whole !== undefined) {
    const value = length > WHOLE_MAX ? undefined : parse(whole.join('\n'));
    if (isOtlp(value)) keepSpans(value);
    else if (value === undefined)
      yield { kind: 'problem', file, line: 1, problem: length > WHOLE_MAX ? 'is one value that is too large' : 'is not JSON' };
    else yield* runsOf(value, file, 1);
  }
  if (messages.length > 0) yield* runsOf(messages, file, 1);
  if (spans.length >= SPANS_MAX)
    yield {
      kind: 'problem',
      file,
      line: 1,
      problem: `holds more spans than are read at once; those behind the first ${SPANS_MAX} are left out`,
    };
  for (const run of [...logged.rest(), ...runsOfSpans(spans)]) yield { kind: 'run', run };
}

function* runsOf(value: unknown, file: string, line: number): Generator<Reading> {
  const id = line === 1 ? file : `${file}:${line}`;
  if (isTrace(value)) yield { kind: 'run', run: readTrace(value, id) };
  else if (isChat(value)) yield { kind: 'run', run: readChat(value, id) };
  else if (Array.isArray(value) && value.length > 0 && value.every((item) => isTrace(item) || isChat(item))) {
    for (const [index, item] of value.entries()) {
      yield { kind: 'run', run: isTrace(item) ? readTrace(item, `${id}#${index}`) : readChat(item, `${id}#${index}`) };
    }
  } else
    yield { kind: 'problem', file, line, problem: 'is no recorded run: expected a trace, a list of messages, OTLP spans, or an audit log' };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
