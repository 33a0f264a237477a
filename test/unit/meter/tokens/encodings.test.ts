import { expect, test } from 'vitest';
import { countTokens, withinTokens } from '../../../../src/meter/count-tokens.ts';
import { countNow } from '../../../../src/meter/tokens/count.ts';
import { encoderFor, encoderLater, loadedEncoder } from '../../../../src/meter/tokens/encodings.ts';

// The order of these tests matters: tables that are loaded stay so.

test('nothing is loaded before it is needed, and where bounds decide it is not', async () => {
  expect(await withinTokens('is this under a million?', 1_000_000)).toBe(true);
  expect(await withinTokens('x'.repeat(2_000_000), 8_000)).toBe(false);
  expect(loadedEncoder('o200k_base')).toBeUndefined();
  expect(loadedEncoder('cl100k_base')).toBeUndefined();
});

test('the first count of a process, of however short a text, loads the tables while the event loop turns', async () => {
  let turns = 0;
  let isTicking = true;
  const tick = (): void => {
    turns++;
    if (isTicking) setImmediate(tick);
  };
  setImmediate(tick);
  expect(await countTokens('Hello, world')).toBe(3);
  isTicking = false;
  expect(turns).toBeGreaterThan(5);
  expect(loadedEncoder('cl100k_base')).toBeUndefined();
});

test('asked for many times at once, the tables are loaded once', async () => {
  const [first, ...others] = await Promise.all(Array.from({ length: 5 }, () => encoderLater('cl100k_base')));
  for (const other of others) expect(other).toBe(first);
  expect(encoderFor('cl100k_base')).toBe(first);
  expect(loadedEncoder('cl100k_base')).toBe(first);
});

test('what is asked for at once while it is being loaded is there at once, and is the same', async () => {
  const later = encoderLater('o200k_base');
  expect(countNow('Hello, world', 'o200k_base')).toBe(3);
  expect(await later).toBe(encoderFor('o200k_base'));
});
