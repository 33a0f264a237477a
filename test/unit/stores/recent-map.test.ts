import { describe, expect, it } from 'vitest';
import { recentMap } from '../../../src/stores/recent-map.ts';

describe('a recent map', () => {
  it('remembers at least as many entries as it is told, and at most twice as many', () => {
    const map = recentMap<number>(10);
    for (let i = 0; i < 1_000; i += 1) {
      map.set(`key-${i}`, i);
      for (let back = 0; back < Math.min(10, i + 1); back += 1) expect(map.get(`key-${i - back}`)).toBe(i - back);
      expect(map.get(`key-${i - 20}`)).toBeUndefined();
    }
  });

  it('gives the value that was set last', () => {
    const map = recentMap<string>(2);
    map.set('a', 'old');
    map.set('b', 'fills the first generation');
    map.set('a', 'new');
    expect(map.get('a')).toBe('new');
  });
});
