import { parseArgs } from 'node:util';
import { UsageError } from '../usage-error.ts';

/** What the command line asks for. Amounts in dollars and tokens. */
export interface PlanArguments {
  /** Audit logs; without any, the numbers below describe an interaction. */
  readonly files: readonly string[];
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly modelCalls: number;
  /** Tokens that the history grows by with each model call of an interaction. */
  readonly growthTokens: number;
  readonly perUserDay: number | undefined;
  readonly users: number;
  readonly daysAMonth: number;
  readonly budgetUsd: number;
  readonly cheaperModels: readonly string[];
  readonly cap: number | undefined;
  readonly pricesFile: string | undefined;
  readonly feature: string | undefined;
  readonly format: 'table' | 'json' | 'markdown';
}

export function readArguments(args: readonly string[]): PlanArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: 'string', default: 'gpt-4o-mini' },
      input: { type: 'string', default: '1500' },
      output: { type: 'string', default: '400' },
      calls: { type: 'string', default: '3' },
      growth: { type: 'string', default: '500' },
      interactions: { type: 'string' },
      users: { type: 'string', default: '1000' },
      days: { type: 'string', default: '30' },
      budget: { type: 'string', default: '0.5' },
      cheaper: { type: 'string', default: '' },
      cap: { type: 'string' },
      feature: { type: 'string' },
      prices: { type: 'string' },
      json: { type: 'boolean' },
      markdown: { type: 'boolean' },
    },
  });
  if (values.json && values.markdown) throw new UsageError('--json and --markdown are two answers; ask for one');
  return {
    files: positionals,
    model: values.model,
    inputTokens: number('input', values.input),
    outputTokens: number('output', values.output),
    modelCalls: number('calls', values.calls, Number.MIN_VALUE, CALLS_MAX),
    growthTokens: number('growth', values.growth, 0),
    perUserDay: values.interactions === undefined ? undefined : number('interactions', values.interactions),
    users: number('users', values.users),
    daysAMonth: number('days', values.days),
    budgetUsd: number('budget', values.budget),
    cheaperModels: values.cheaper.split(',').filter((name) => name !== ''),
    cap: values.cap === undefined ? undefined : number('cap', values.cap),
    pricesFile: values.prices,
    feature: values.feature,
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'table',
  };
}

/** An interaction is played call by call. */
const CALLS_MAX = 10_000;
const MOST = 1e12;

function number(name: string, text: string, least = Number.MIN_VALUE, most = MOST): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value;
  const range = `${least === 0 ? 'of 0 or more' : 'above 0'}${most < MOST ? ` and at most ${most}` : ''}`;
  throw new UsageError(`--${name} must be a number ${range}, got ${JSON.stringify(text)}`);
}
