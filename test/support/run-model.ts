import { dimensions, type AccountReading, type DenialFacts, type Limits, type PublicAmounts } from 'holdfast';

/** What an account should hold, kept in the plainest way: a list of what was booked and a list of what is held. */
export interface ModelAccount {
  readonly limits: Limits;
  readonly booked: PublicAmounts[];
  readonly held: Map<string, PublicAmounts>;
}

export const nothing: PublicAmounts = {
  usd: 0,
  tokens: 0,
  inputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  steps: 0,
  modelCalls: 0,
  toolCalls: 0,
};

/** Sums in nano-dollars and counts, so that no rounding hides a difference. */
export function sum(amounts: Iterable<PublicAmounts>): PublicAmounts {
  const total = { ...nothing };
  for (const each of amounts) for (const dimension of dimensions) total[dimension] += whole(dimension, each[dimension]);
  return total;
}

const whole = (dimension: string, amount: number): number => (dimension === 'usd' ? Math.round(amount * 1e9) : amount);

/** Where a reading differs from the model, in words; empty where it does not. */
export function differences(name: string, account: ModelAccount, reading: Pick<AccountReading, 'used' | 'held' | 'overage'>): string[] {
  const [booked, held] = [sum(account.booked), sum(account.held.values())];
  const found: string[] = [];
  for (const dimension of dimensions) {
    const [used, holding, over] = [reading.used, reading.held, reading.overage].map((part) => whole(dimension, part[dimension]));
    if (used !== booked[dimension]) found.push(`${name}: ${dimension} used ${used}, expected ${booked[dimension]}`);
    if (holding !== held[dimension]) found.push(`${name}: ${dimension} held ${holding}, expected ${held[dimension]}`);
    const limit = account.limits[dimension];
    if (limit !== undefined && (used ?? 0) + (holding ?? 0) > whole(dimension, limit) + (over ?? 0))
      found.push(`${name}: ${dimension} ${used} used and ${holding} held, above ${limit} and ${over} overage`);
  }
  return found;
}

/** Whether a refusal is true: the account stands as it says, and what was asked does not fit. */
export function isTrue(denial: DenialFacts, account: ModelAccount): boolean {
  const { dimension, used, held, asked, limit } = denial;
  if (dimension === 'duration') return false;
  const [booked, holding] = [sum(account.booked)[dimension], sum(account.held.values())[dimension]];
  return (
    whole(dimension, used) === booked &&
    whole(dimension, held) === holding &&
    limit <= (account.limits[dimension] ?? Infinity) &&
    booked + holding + whole(dimension, asked) > whole(dimension, limit)
  );
}
