import { parseArgs } from 'node:util';
import { createGuard, type LoopPreset, type ToolPolicy } from 'holdfast';
import type { ReplayLimits } from './replay-run.ts';
import { readOption } from '../read-option.ts';
import { UsageError } from '../usage-error.ts';

/** What the command line asks for. */
export interface ReplayArguments {
  readonly files: readonly string[];
  readonly isJson: boolean;
  /** Show every run, also those without a verdict. */
  readonly isAll: boolean;
  readonly preset: LoopPreset;
  readonly model: string | undefined;
  readonly limits: ReplayLimits;
  readonly toolsFile: string | undefined;
}

/** The guard's own default. */
const DEFAULT_STEPS = 250;
const presets: readonly string[] = ['gentle', 'standard', 'strict', 'off'];

export function readArguments(args: readonly string[]): ReplayArguments {
  const { values, positionals } = parse(args);
  const preset = values.loops ?? 'standard';
  if (!presets.includes(preset)) throw new UsageError(`--loops must be one of ${presets.join(', ')}, got ${JSON.stringify(preset)}`);
  if (positionals.length === 0) throw new UsageError('name at least one file to replay');
  return {
    files: positionals,
    isJson: values.json === true,
    isAll: values.all === true,
    preset: preset as LoopPreset,
    model: values.model,
    toolsFile: values.tools,
    limits: {
      steps: values.steps === 'none' ? undefined : (positive('steps', values.steps) ?? DEFAULT_STEPS),
      tokens: positive('tokens', values.tokens),
      usd: positive('usd', values.usd),
      modelCalls: positive('model-calls', values['model-calls']),
      toolCalls: positive('tool-calls', values['tool-calls']),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        all: { type: 'boolean' },
        loops: { type: 'string' },
        tools: { type: 'string' },
        model: { type: 'string' },
        steps: { type: 'string' },
        tokens: { type: 'string' },
        usd: { type: 'string' },
        'model-calls': { type: 'string' },
        'tool-calls': { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`--${name} must be a number above 0, got ${JSON.stringify(text)}`);
  return value;
}

/** Reads tool policies from a JSON file: `{ "job_status": { "poll": true }, … }`. What a guard would refuse is refused in its words. */
export const readTools = (file: string): Promise<Readonly<Record<string, ToolPolicy>>> =>
  readOption('--tools', file, (value) => {
    const tools = value as Record<string, ToolPolicy>;
    createGuard({ tools });
    return tools;
  });
