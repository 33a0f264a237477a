import { dimensions, type AccountRef, type AccountSnapshot, type AmountLimits, type Amounts, type Dimension } from 'holdfast';
import type { AccountOutlook } from './request.ts';

/** Reads the numbers of a script's answer, one by one. */
export interface ReplyReader {
  number(): number;
  flag(): boolean;
  amounts(): Amounts;
  dimension(): Dimension;
  /** An account as scripts show it, behind all numbers; when there is room in it again stands among these. */
  account(resetsAt: number): ShownAccount;
  /** All that is left. */
  text(): string;
}

/** Reads behind the first two numbers, which say what the answer is (lua/clock.lua) and what time it is. */
export function replyReader(bytes: Buffer): ReplyReader {
  const values = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 16;
  const number = (): number => {
    at += 8;
    return values.getFloat64(at - 8, true);
  };
  const amounts = (): Amounts => {
    at += AMOUNTS_SIZE;
    return amountsAt(values, at - AMOUNTS_SIZE);
  };
  return {
    number,
    flag: () => number() !== 0,
    amounts,
    dimension: () => dimensions[number() - 1] ?? 'usd',
    account(resetsAt) {
      const head = at;
      at += HEAD_SIZE;
      const isWide = values.getUint8(head + IS_WIDE_AT) === 1;
      return {
        isThere: values.getFloat64(head, true) > 0,
        listed: values.getFloat64(head + LISTED_AT, true),
        settled: amountsAt(values, head + SUMS_AT),
        held: amountsAt(values, head + SUMS_AT + AMOUNTS_SIZE),
        unconfirmed: isWide ? amounts() : nothing,
        overage: isWide ? amounts() : nothing,
        resetsAt: momentOf(resetsAt),
        adjusted: values.getUint8(head + IS_ADJUSTED_AT) === 1 ? limitsIn(number) : undefined,
      };
    },
    text: () => bytes.toString('latin1', at),
  };
}

const AMOUNTS_SIZE = 8 * dimensions.length;

const amountsAt = (bytes: DataView, at: number): Amounts => ({
  usd: bytes.getFloat64(at, true),
  tokens: bytes.getFloat64(at + 8, true),
  inputTokens: bytes.getFloat64(at + 16, true),
  outputTokens: bytes.getFloat64(at + 24, true),
  reasoningTokens: bytes.getFloat64(at + 32, true),
  steps: bytes.getFloat64(at + 40, true),
  modelCalls: bytes.getFloat64(at + 48, true),
  toolCalls: bytes.getFloat64(at + 56, true),
});

export const nothing: Amounts = Object.freeze(
  Object.fromEntries(dimensions.map((dimension) => [dimension, 0])) as Record<Dimension, number>,
);

const momentOf = (moment: number): number | null => (moment < 0 ? null : moment);

/** Where things are in what is shown of an account (lua/state.lua). */
const [LISTED_AT, IS_ADJUSTED_AT, IS_WIDE_AT, SUMS_AT, HEAD_SIZE] = [32, 40, 41, 43, 171];
/** By how much an account's spend grows until it is listed anew (lua/account.lua). */
const GROWTH = 1.02;

export interface ShownAccount extends Pick<AccountSnapshot, 'settled' | 'held' | 'unconfirmed' | 'overage' | 'resetsAt'> {
  /** False where nobody has used it yet. */
  readonly isThere: boolean;
  /** The spend with which it stands in the index, or -1. */
  readonly listed: number;
  /** What an adjustment puts in the place of limits. */
  readonly adjusted: AmountLimits | undefined;
}

/** What an account tells of its near future; undefined where it will need all its keys. */
export function outlookOf({ isThere, listed, settled: { usd, tokens } }: ShownAccount): AccountOutlook | undefined {
  if (!isThere || listed < 0) return undefined;
  const isInTokens = usd === 0;
  if (listed === 0) return { room: 1, isInTokens };
  return { room: isInTokens ? listed * GROWTH * 1e9 - tokens : listed * GROWTH - usd, isInTokens };
}

function limitsIn(number: () => number): AmountLimits {
  const limits: { [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const limit = number();
    if (limit >= 0) limits[dimension] = limit;
  }
  return limits;
}

export const readLimits = (reader: ReplyReader): AmountLimits => limitsIn(reader.number);

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
