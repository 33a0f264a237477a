import { InvalidOptionError } from '../core/errors.ts';

/** Where a figure of a rung may lie. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

/** A share of a limit. */
export const share: Bounds = { least: 0, most: 1 };
/** A count of tokens, messages or calls. */
export const count: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER, isWhole: true };

/** Refuses figures that cannot be meant. @throws InvalidOptionError with the path, the value and the remedy */
export function checkFigures(rung: string, figures: Readonly<Record<string, readonly [unknown, Bounds]>>): void {
  const issues = Object.entries(figures).flatMap(([path, [value, { least, most, isWhole }]]) => {
    const isFine = typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value));
    if (value === undefined || isFine) return [];
    const top = most === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${most}`;
    return [{ path, message: `expected a ${isWhole ? 'whole ' : ''}number, ${least} ${top}, got ${shown(value)}`, value }];
  });
  if (issues.length > 0) throw new InvalidOptionError(`options of ${rung}`, issues);
}

/** Refuses what is no function. @throws InvalidOptionError */
export function checkFunction(rung: string, path: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new InvalidOptionError(`options of ${rung}`, [{ path, message: `expected a function, got ${shown(value)}`, value }]);
}

/** Refuses a word that is none of these. @throws InvalidOptionError */
export function checkWord(rung: string, path: string, value: string, words: readonly string[]): void {
  if (words.includes(value)) return;
  const message = `expected one of ${words.join(', ')}, got ${typeof value === 'string' ? JSON.stringify(value) : shown(value)}`;
  throw new InvalidOptionError(`options of ${rung}`, [{ path, message, value }]);
}

const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : `a value of type ${typeof value}`);
