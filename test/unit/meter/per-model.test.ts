import { expect, test, vi } from 'vitest';
import { perModel } from '../../../src/meter/per-model.ts';

test('an answer is worked out once for each model, also one of nothing', () => {
  const workOut = vi.fn((model: string) => (model === 'none' ? undefined : model.length));
  const answer = perModel(workOut);
  for (const model of ['gpt-4o', 'none', 'gpt-4o', 'none']) expect(answer(model)).toBe(model === 'none' ? undefined : 6);
  expect(workOut).toHaveBeenCalledTimes(2);
});

test('of many models no more are kept than there is room for', () => {
  const workOut = vi.fn((model: string) => model.length);
  const answer = perModel(workOut);
  for (let index = 0; index < 300; index++) answer(`model-${index}`);
  answer('model-0');
  expect(workOut).toHaveBeenCalledTimes(301);
});
