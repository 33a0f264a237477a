import { dimensions, type AccountRef, type AccountSnapshot, type AmountLimits, type Amounts, type Dimension } from 'holdfast';
import { isLittleEndian } from './request.ts';

/** Reads the numbers of a script's answer, one by one. */
export interface ReplyReader {
  number(): number;
  flag(): boolean;
  amounts(): Amounts;
  dimension(): Dimension;
}

export function replyReader(bytes: unknown): ReplyReader {
  const values = doublesIn(bytes, 0);
  let at = 0;
  const number = (): number => values[at++] ?? 0;
  return {
    number,
    flag: () => number() !== 0,
    amounts: () => amountsAt(values, (at += dimensions.length) - dimensions.length),
    dimension: () => dimensions[number() - 1] ?? 'usd',
  };
}

/** The doubles in bytes from the server. They need not begin where a double may begin in memory. */
function doublesIn(bytes: unknown, from: number, to?: number): Float64Array {
  if (!Buffer.isBuffer(bytes)) throw new TypeError('the client answered with something else than bytes');
  const copy = new Uint8Array(bytes.subarray(from, to));
  if (!isLittleEndian) Buffer.from(copy.buffer).swap64();
  return new Float64Array(copy.buffer);
}

const amountsAt = (values: Float64Array, at: number): Amounts => ({
  usd: values[at] ?? 0,
  tokens: values[at + 1] ?? 0,
  inputTokens: values[at + 2] ?? 0,
  outputTokens: values[at + 3] ?? 0,
  reasoningTokens: values[at + 4] ?? 0,
  steps: values[at + 5] ?? 0,
  modelCalls: values[at + 6] ?? 0,
  toolCalls: values[at + 7] ?? 0,
});

export const nothing: Amounts = Object.freeze(
  Object.fromEntries(dimensions.map((dimension) => [dimension, 0])) as Record<Dimension, number>,
);

const momentOf = (moment: number): number | null => (moment < 0 ? null : moment);

/** Where the sums begin in the head of an account, and where it ends (lua/state.lua). */
const SUMS_AT = 56;
const HEAD_SIZE = 184;

export interface AccountSums extends Pick<AccountSnapshot, 'settled' | 'held' | 'unconfirmed' | 'overage' | 'resetsAt'> {
  /** What an adjustment puts in the place of limits. */
  readonly adjusted: AmountLimits | undefined;
}

/** When the window ends, and the account's sums; of an account that nobody has used (its head is empty), nothing. */
export function readSums(reader: ReplyReader, head: unknown): AccountSums {
  const resetsAt = momentOf(reader.number());
  const late = reader.flag() ? [reader.amounts(), reader.amounts()] : [];
  const sums = doublesIn(head, SUMS_AT, HEAD_SIZE);
  return {
    settled: amountsAt(sums, 0),
    held: amountsAt(sums, dimensions.length),
    unconfirmed: late[0] ?? nothing,
    overage: late[1] ?? nothing,
    resetsAt,
    adjusted: reader.flag() ? readLimits(reader) : undefined,
  };
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
