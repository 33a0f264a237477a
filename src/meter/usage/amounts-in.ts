import { checkedAmount } from './check-usage.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Reads one amount: the first of the paths that is there. Undefined and null are absent; anything but a number is refused. */
export type Amount = (...paths: readonly string[]) => number | undefined;

/** Hosts that fill in NaN for what was not reported (the AI SDK's first form) use these names. */
const maybeNaN = new Set(['promptTokens', 'completionTokens', 'totalTokens']);

/**
 * Reads the amounts of an object.
 *
 * @throws {InvalidUsageError} from what it returns, for an amount that cannot be one.
 */
export function amountsIn(raw: Fields): Amount {
  return (...paths) => {
    for (const path of paths) {
      const value = valueOf(raw, path);
      if (value === undefined || value === null || (isRecord(value) && paths.length > 1)) continue;
      if (Number.isNaN(value) && maybeNaN.has(path)) continue;
      return checkedAmount(path, value);
    }
    return undefined;
  };
}

/** The steps of the paths that are asked for again and again: a few dozen, all of them written in this package. */
const dotted = new Map<string, readonly string[]>();

function valueOf(raw: Fields, path: string): unknown {
  if (!path.includes('.')) return valueAt(raw, path);
  let steps = dotted.get(path);
  if (!steps) dotted.set(path, (steps = path.split('.')));
  let value: unknown = raw;
  for (let at = 0; value !== undefined && at < steps.length; at += 1) value = valueAt(value, steps[at]!);
  return value;
}

/** A field of a record, or of the item of a list that this name tells: by modality, as Google lists them, or by time to live, as Bedrock. */
function valueAt(inner: unknown, key: string): unknown {
  if (Array.isArray(inner)) return inner.find((item: unknown) => isRecord(item) && (item['modality'] === key || item['ttl'] === key));
  return isRecord(inner) ? inner[key] : undefined;
}

export const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
