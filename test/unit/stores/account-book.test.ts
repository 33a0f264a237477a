import { describe, expect, it } from 'vitest';
import { accountBook } from '../../../src/stores/account-book.ts';
import type { AccountRef } from '../../../src/stores/store.ts';

const RETENTION_MS = 1_000;
const SCOPES = 8;

const refOf = (id: number): AccountRef => ({
  tenant: 'default',
  scope: 'user',
  id: `${id}`,
  window: { kind: 'lifetime' },
  limits: {},
  alertAt: [],
  onExpire: 'release',
});

describe('the book of accounts', () => {
  it('holds no more of the dead than of those that live, however many each reservation opens', () => {
    const book = accountBook(RETENTION_MS);
    const isThere = (id: number): boolean => book.find(refOf(id), { kind: 'lifetime' }) !== undefined;
    let opened = 0;
    // Each millisecond a reservation opens accounts that nobody uses again.
    for (let moment = 0; moment < 10 * RETENTION_MS; moment += 1) {
      book.sweep(moment);
      for (let scope = 0; scope < SCOPES; scope += 1) book.open(refOf(opened++), moment);
    }
    const kept = Array.from({ length: opened }, (_, id) => id).filter(isThere).length;
    expect(kept).toBeGreaterThanOrEqual(RETENTION_MS * SCOPES);
    expect(kept).toBeLessThanOrEqual(2 * (RETENTION_MS + 1) * SCOPES);
  });

  it('goes on through all of them where none is opened, a few at a time', () => {
    const book = accountBook(RETENTION_MS);
    for (let id = 0; id < 100; id += 1) book.open(refOf(id), 0);
    book.sweep(0);
    for (let sweep = 0; sweep < 3; sweep += 1) book.sweep(2 * RETENTION_MS);
    expect(book.find(refOf(99), { kind: 'lifetime' }), 'a few').toBeDefined();
    for (let sweep = 0; sweep < 100; sweep += 1) book.sweep(2 * RETENTION_MS);
    expect(Array.from({ length: 100 }, (_, id) => book.find(refOf(id), { kind: 'lifetime' })).filter(Boolean)).toEqual([]);
  });
});
