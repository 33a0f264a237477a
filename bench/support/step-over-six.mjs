/** A step over six accounts, as the benches of stores do it. `load` imports a file of the build. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', '..', 'dist');
export const load = (file) => import(pathToFileURL(path.join(built, file)).href);

const { resolveWindow } = await load('src/core/window.js');
const { zero } = await load('src/core/amounts.js');

const limits = { usd: 9e15, tokens: 9e15, steps: 9e15, modelCalls: 9e15, reasoningTokens: 9e15 };

export const account = (scope, window, id = 'one', tenant = 'acme') => ({
  tenant,
  scope,
  id,
  window: resolveWindow(window),
  limits,
  alertAt: [0.5, 0.8, 0.95],
  onExpire: 'release',
});

export const six = [
  account('run'),
  account('session'),
  account('user', 'day'),
  account('feature', { every: 'week', timeZone: 'Europe/Berlin' }),
  account('tenant', 'month'),
  account('global', 'day', 'global', ''),
];

export const asks = [
  {
    base: { ...zero, usd: 12_000, tokens: 800, inputTokens: 800, reasoningTokens: 200, steps: 1, modelCalls: 1 },
    perUnit: { ...zero, usd: 600, tokens: 1, outputTokens: 1 },
    unitsWanted: 4096,
    unitsLeast: 256,
    yielding: ['reasoningTokens'],
  },
];

export const actual = {
  ...zero,
  usd: 90_000,
  tokens: 1000,
  inputTokens: 800,
  outputTokens: 200,
  reasoningTokens: 50,
  steps: 1,
  modelCalls: 1,
};

export const idOf = (number) => `0b8f3a52-4a1e-7c3d-9b21-${String(number).padStart(12, '0')}`;

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
export const ratio = (a, b) => (a / b).toFixed(2);
