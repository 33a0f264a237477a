import { createMeter, type AuditEntry, type StepEndEntry } from 'holdfast';

const meter = createMeter();

/** The entry of a model step, priced by the built-in table; everything can be overridden. */
export function modelStep(step: Partial<StepEndEntry> & { input?: number; output?: number; cap?: number } = {}): StepEndEntry {
  const { input = 100, output = 20, cap = 4_096, name = 'gpt-4o', ...rest } = step;
  const usage = { inputTokens: input, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: output, reasoningTokens: 0 };
  const nanoUsd = meter.price(name)?.cost(usage) ?? 0;
  return {
    v: 1,
    at: Date.UTC(2026, 0, 15, 12),
    event: 'step:end',
    run: 'r1',
    tenant: 'default',
    scopes: { feature: 'chat' },
    step: 0,
    round: 1,
    kind: 'model',
    name,
    held: { outputTokens: cap, nanoUsd: nanoUsd * 2 },
    outcome: 'ok',
    durationMs: 10,
    used: { nanoUsd, tokens: input + output, inputTokens: input, outputTokens: output, steps: 1, modelCalls: 1 },
    overage: {},
    usage,
    attempts: 1,
    isEstimated: false,
    isCached: false,
    sizes: { args: 0, output: output * 4 },
    priceSource: 'table',
    ...rest,
  };
}

/** What a model's tokens cost, in nano-dollars, by the built-in table. */
export const costOf = (inputTokens: number, outputTokens = 0, model = 'gpt-4o'): number =>
  meter.price(model)?.cost({ inputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens, reasoningTokens: 0 }) ?? Number.NaN;

export const runStart = (run: string, scopes: Readonly<Record<string, string>> = {}): AuditEntry => ({
  v: 1,
  at: Date.UTC(2026, 0, 15, 12),
  event: 'run:start',
  run,
  tenant: 'default',
  scopes,
});
