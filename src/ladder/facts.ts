import type { Dimension } from '../core/amounts.ts';
import { formatUsd } from '../core/money.ts';
import type { RungStanding } from './rung.ts';

const words: Record<Dimension, string> = {
  usd: 'USD',
  tokens: 'tokens',
  inputTokens: 'input tokens',
  outputTokens: 'output tokens',
  reasoningTokens: 'reasoning tokens',
  steps: 'steps',
  modelCalls: 'model calls',
  toolCalls: 'tool calls',
};

/** What is left of a limit, as a model or a person can act on it: "3 of 25 steps", "$0.04 of $0.50". */
export function leftOf({ dimension, limit, used, held }: RungStanding): string {
  const left = Math.max(0, limit - used - held);
  return dimension === 'usd' ? `${formatUsd(left)} of ${formatUsd(limit)}` : `${left} of ${limit} ${words[dimension]}`;
}

/** Why a rung was climbed, for events and reports: "usd of the run at 84 %". */
export const pressureDetail = ({ scope, dimension, pressure }: RungStanding): string =>
  `${dimension} of the ${scope} at ${Math.round(pressure * 100)} %`;
