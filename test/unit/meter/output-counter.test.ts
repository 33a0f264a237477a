import { expect, test, vi } from 'vitest';
import { createMeter } from '../../../src/meter/create-meter.ts';
import { countNow } from '../../../src/meter/tokens/count.ts';

const text = "It's streamed: naïve café, 1,234 tokens — don't count the deltas! 漢字 👩‍👩‍👧\n\n".repeat(20);

test.each([1, 2, 3, 4, 7, 64])('deltas of %i characters have the count of the whole', (size) => {
  const counter = createMeter().outputCounter('gpt-4o');
  for (let at = 0; at < text.length; at += size) counter.push(text.slice(at, at + size));
  expect(counter.total()).toBe(countNow(text, 'o200k_base'));
});

test('every push tells the tokens so far', () => {
  const counter = createMeter().outputCounter('gpt-4o');
  expect(counter.push('')).toBe(0);
  expect(counter.push('Hel')).toBe(countNow('Hel', 'o200k_base'));
  expect(counter.push('lo, wor')).toBe(countNow('Hello, wor', 'o200k_base'));
  expect(counter.push('ld')).toBe(countNow('Hello, world', 'o200k_base'));
});

test('inside a very long word a push never tells less than there is, and the total is exact', () => {
  const counter = createMeter().outputCounter('gpt-4o');
  let pushed = '';
  for (let at = 0; at < 2_000; at++) {
    pushed += 'ab';
    expect(counter.push('ab')).toBeGreaterThanOrEqual(countNow(pushed, 'o200k_base'));
  }
  expect(counter.total()).toBe(countNow(pushed, 'o200k_base'));
});

test('other models by the factor of their family, own tokenizers by themselves', () => {
  const claude = createMeter().outputCounter('claude-sonnet-4-5');
  expect(claude.push(text)).toBe(Math.ceil(countNow(text, 'o200k_base') * 1.2));
  const own = createMeter({ tokenizers: { house: (part) => part.length } }).outputCounter('house');
  own.push('abc ');
  expect(own.push('def')).toBe(7);
});

test('where the provider counts the input, the tables are loaded meanwhile, so that the first delta does not wait for them', async () => {
  vi.resetModules();
  const { createMeter: createFresh } = await import('../../../src/meter/create-meter.ts');
  const { loadedEncoder } = await import('../../../src/meter/tokens/encodings.ts');
  expect(loadedEncoder('o200k_base')).toBeUndefined();
  const meter = createFresh({ tokenizers: { 'claude-*': { countCall: () => Promise.resolve(40) } } });
  await meter.count({ kind: 'model', model: 'claude-sonnet-4-5', input: 'Hello' });
  expect(loadedEncoder('o200k_base')).toBeDefined();
});
