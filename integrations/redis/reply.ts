import { dimensions, type AccountRef, type AccountSnapshot, type AmountLimits, type Amounts, type Dimension } from 'holdfast';

/** Reads a script's answer, value by value. */
export interface ReplyReader {
  number(): number;
  text(): string;
  flag(): boolean;
  amounts(): Amounts;
  dimension(): Dimension;
}

export function replyReader(reply: unknown): ReplyReader {
  if (!Array.isArray(reply)) throw new TypeError('the server answered something else than a list; is it Redis 6.2 or later?');
  const values: readonly unknown[] = reply;
  let at = 0;
  const number = (): number => Number(values[at++]);
  return {
    number,
    text: () => String(values[at++]),
    flag: () => number() !== 0,
    amounts: () => ({
      usd: number(),
      tokens: number(),
      inputTokens: number(),
      outputTokens: number(),
      reasoningTokens: number(),
      steps: number(),
      modelCalls: number(),
      toolCalls: number(),
    }),
    dimension: () => dimensions[number() - 1] ?? 'usd',
  };
}

const nothing: Amounts = Object.freeze(Object.fromEntries(dimensions.map((dimension) => [dimension, 0])) as Record<Dimension, number>);
const momentOf = (moment: number): number | null => (moment < 0 ? null : moment);

/** When the window ends, and the account's sums; of an account that nobody has used, nothing. */
export function readSums(reader: ReplyReader): Pick<AccountSnapshot, 'settled' | 'held' | 'unconfirmed' | 'overage' | 'resetsAt'> {
  const resetsAt = momentOf(reader.number());
  const width = reader.number();
  if (width === 0) return { settled: nothing, held: nothing, unconfirmed: nothing, overage: nothing, resetsAt };
  const [settled, held] = [reader.amounts(), reader.amounts()];
  if (width === 1) return { settled, held, unconfirmed: nothing, overage: nothing, resetsAt };
  return { settled, held, unconfirmed: reader.amounts(), overage: reader.amounts(), resetsAt };
}

export function readLimits(reader: ReplyReader): AmountLimits {
  const limits: { [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const limit = reader.number();
    if (limit >= 0) limits[dimension] = limit;
  }
  return limits;
}

export const readMoment = (reader: ReplyReader): number | null => momentOf(reader.number());

/** The limits that a run's own ones tighten. */
export function tightened(limits: AmountLimits, { tighter }: AccountRef): AmountLimits {
  if (!tighter) return limits;
  const result: { [D in Dimension]?: number } = { ...limits };
  for (const dimension of dimensions) {
    const [limit, own] = [limits[dimension], tighter[dimension]];
    if (own !== undefined && (limit === undefined || own < limit)) result[dimension] = own;
  }
  return result;
}

export { nothing };
