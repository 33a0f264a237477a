import { invalidDimension, isCount, type Amounts } from '../core/amounts.ts';
import { InvalidOptionError } from '../core/errors.ts';
import type { ReserveRequest, SettleRequest } from './store.ts';

/**
 * Refuses a reservation that is no arithmetic: negative, fractional or unsafe amounts would spoil an account for good.
 * For stores; the guard itself never asks such a thing.
 *
 * @throws InvalidOptionError with the path, the value and the remedy
 */
export function checkReserve({ asks, ttlMs }: ReserveRequest): void {
  if (asks.length === 0) refuse('reserve', 'asks', asks.length, 'is empty; give at least one ask');
  if (!(ttlMs > 0 && ttlMs < Infinity)) refuse('reserve', 'ttlMs', ttlMs, 'must be a positive number of milliseconds');
  for (let index = 0; index < asks.length; index += 1) {
    const { base, perUnit, unitsWanted = 0, unitsLeast = 0 } = asks[index]!;
    checkAmounts('reserve', `asks.${index}.base`, base);
    if (perUnit) checkAmounts('reserve', `asks.${index}.perUnit`, perUnit);
    if (!isCount(unitsWanted)) refuse('reserve', `asks.${index}.unitsWanted`, unitsWanted, mustBeCount);
    if (!isCount(unitsLeast)) refuse('reserve', `asks.${index}.unitsLeast`, unitsLeast, mustBeCount);
  }
}

/** Refuses a settlement whose amounts are no counts. @throws InvalidOptionError */
export function checkSettle({ actual }: SettleRequest): void {
  if (actual) checkAmounts('settle', 'actual', actual);
}

const mustBeCount = 'must be an integer from 0 to 2^53 - 1';

function checkAmounts(operation: string, path: string, amounts: Amounts): void {
  const dimension = invalidDimension(amounts);
  if (dimension) refuse(operation, `${path}.${dimension}`, amounts[dimension], mustBeCount);
}

function refuse(operation: string, path: string, value: unknown, problem: string): never {
  throw new InvalidOptionError(operation, [{ path, message: `${problem}, got ${String(value)}`, value }]);
}
