import { asText, countOrNull, isRecord, textOrNull, type RecordedRun, type RecordedStep } from '../recorded-run.ts';

/** Whether a value is a run in the trace format: `{ id, steps: [{ kind, name, args, result, turn, … }] }`. */
export const isTrace = (value: unknown): boolean => isRecord(value) && Array.isArray(value['steps']);

/** Reads a run in the trace format. A step is one tool call, or one turn of the model without any. */
export function readTrace(value: unknown, fallbackId: string): RecordedRun {
  const run = value as Readonly<Record<string, unknown>>;
  const steps = (run['steps'] as readonly unknown[]).filter(isRecord);
  return {
    id: textOrNull(run['id']) ?? fallbackId,
    model: textOrNull(run['model']),
    promptLength: asText(run['task']).length,
    steps: steps.map((step, index) => readStep(step, index, steps[index - 1])),
  };
}

function readStep(
  step: Readonly<Record<string, unknown>>,
  index: number,
  before: Readonly<Record<string, unknown>> | undefined,
): RecordedStep {
  const isTool = step['kind'] !== 'llm' && step['kind'] !== 'model';
  const round = countOrNull(step['turn']) ?? index;
  const isFirstOfRound = before === undefined || (countOrNull(before['turn']) ?? index - 1) !== round;
  const result = step['resultMissing'] === true ? undefined : step['result'];
  const lengthOf = (field: string): number => countOrNull(step[`${field}Length`]) ?? asText(step[field]).length;
  const cutHash = (field: string): string | undefined =>
    typeof step[field] === 'string' && lengthOf(field) > step[field].length ? (textOrNull(step[`${field}Hash`]) ?? undefined) : undefined;
  return {
    kind: isTool ? 'tool' : 'model',
    name: textOrNull(step['name']) ?? (isTool ? 'tool' : 'model'),
    round,
    ...(isTool
      ? { args: step['args'], output: result, outputHash: cutHash('result') }
      : {
          output: step['text'] ?? '',
          reply: textOrNull(step['result']) ?? undefined,
          outputHash: cutHash('text'),
          agent: textOrNull(step['name']) ?? undefined,
        }),
    argsHash: step['argsTruncated'] === true ? (textOrNull(step['argsHash']) ?? undefined) : undefined,
    stateHash: textOrNull(step['stateHash']) ?? undefined,
    isError: isTool && step['error'] === true ? true : undefined,
    inputTokens: isFirstOfRound ? countOrNull(step['tokensIn']) : null,
    outputTokens: isFirstOfRound ? countOrNull(step['tokensOut']) : null,
    writtenLength: (isFirstOfRound ? lengthOf('text') : 0) + (isTool ? lengthOf('args') : 0),
    readLength: lengthOf('result'),
    startedAt: countOrNull(step['startedAt']),
    endedAt: countOrNull(step['endedAt']),
  };
}
