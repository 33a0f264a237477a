import { dimensions, type AccountRef, type AccountSnapshot, type AmountLimits, type Amounts, type Dimension } from 'holdfast';
import type { AccountOutlook } from './request.ts';

/** Reads the numbers of a script's answer, one by one. */
export interface ReplyReader {
  number(): number;
  flag(): boolean;
  amounts(): Amounts;
  dimension(): Dimension;
}

export function replyReader(bytes: unknown): ReplyReader {
  const values = bytesIn(bytes);
  let at = 0;
  const number = (): number => {
    at += 8;
    return values.readDoubleLE(at - 8);
  };
  return {
    number,
    flag: () => number() !== 0,
    amounts: () => {
      at += AMOUNTS_SIZE;
      return amountsAt(values, at - AMOUNTS_SIZE);
    },
    dimension: () => dimensions[number() - 1] ?? 'usd',
  };
}

function bytesIn(bytes: unknown): Buffer {
  if (!Buffer.isBuffer(bytes)) throw new TypeError('the client answered with something else than bytes');
  return bytes;
}

const AMOUNTS_SIZE = 8 * dimensions.length;

const amountsAt = (bytes: Buffer, at: number): Amounts => ({
  usd: bytes.readDoubleLE(at),
  tokens: bytes.readDoubleLE(at + 8),
  inputTokens: bytes.readDoubleLE(at + 16),
  outputTokens: bytes.readDoubleLE(at + 24),
  reasoningTokens: bytes.readDoubleLE(at + 32),
  steps: bytes.readDoubleLE(at + 40),
  modelCalls: bytes.readDoubleLE(at + 48),
  toolCalls: bytes.readDoubleLE(at + 56),
});

export const nothing: Amounts = Object.freeze(
  Object.fromEntries(dimensions.map((dimension) => [dimension, 0])) as Record<Dimension, number>,
);

const momentOf = (moment: number): number | null => (moment < 0 ? null : moment);

/** Where things are in the head of an account (lua/state.lua): spend that is listed, whether there is a set of holds, length of holds, sums. */
const [LISTED_AT, HAS_SET_AT, HOLD_BYTES_AT, SUMS_AT] = [32, 51, 52, 56];
/** A hold, and the room for holds in a state (lua/holds.lua). A further one may enter so long as the room is not used up. */
const [HOLD_SIZE, HOLDS_HERE_BYTES] = [88, 704];
/** By how much an account's spend grows until it is listed anew (lua/account.lua). */
const GROWTH = 1.02;

/** What the head of an account tells of its near future; undefined where it will need all its keys. */
export function readOutlook(bytes: unknown): AccountOutlook | undefined {
  const head = bytesIn(bytes);
  if (head.length === 0 || head[HAS_SET_AT] === 1) return undefined;
  const [listed, usd, tokens] = [head.readDoubleLE(LISTED_AT), head.readDoubleLE(SUMS_AT), head.readDoubleLE(SUMS_AT + 8)];
  const holds = Math.ceil((HOLDS_HERE_BYTES - head.readUInt32LE(HOLD_BYTES_AT)) / HOLD_SIZE);
  const isInTokens = usd === 0;
  if (listed < 0) return undefined;
  if (listed === 0) return { room: 1, isInTokens, holds };
  return { room: isInTokens ? listed * GROWTH * 1e9 - tokens : listed * GROWTH - usd, isInTokens, holds };
}

export interface AccountSums extends Pick<AccountSnapshot, 'settled' | 'held' | 'unconfirmed' | 'overage' | 'resetsAt'> {
  /** What an adjustment puts in the place of limits. */
  readonly adjusted: AmountLimits | undefined;
}

/** When the window ends, and the account's sums; of an account that nobody has used (its head is empty), nothing. */
export function readSums(reader: ReplyReader, head: unknown): AccountSums {
  const resetsAt = momentOf(reader.number());
  const late = reader.flag() ? [reader.amounts(), reader.amounts()] : [];
  const sums = bytesIn(head);
  const isUsed = sums.length > 0;
  return {
    settled: isUsed ? amountsAt(sums, SUMS_AT) : nothing,
    held: isUsed ? amountsAt(sums, SUMS_AT + AMOUNTS_SIZE) : nothing,
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
