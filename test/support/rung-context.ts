import type { Call, MessageView, ModelCall } from '../../src/core/step.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import type { Halt } from '../../src/core/halt.ts';
import type { PrepareContext, Rung, RungOffer, RungStanding } from '../../src/ladder/rung.ts';

/** Four characters are a token: figures that can be checked by hand. */
export const countText = (text: string): number => Math.ceil(text.length / 4);

export const countCall = ({ messages = [], input = '' }: ModelCall): number =>
  messages.reduce((sum, { text }) => sum + countText(text), countText(input));

export const prices: Readonly<Record<string, number>> = { dear: 10, middling: 5, cheap: 1, dearest: 50 };

export function rungContext(parts: Partial<PrepareContext> = {}): PrepareContext {
  return {
    standings: [],
    verdict: undefined,
    halt: undefined,
    report: () => ({ scopes: {}, models: {}, tenant: 'default', verdicts: [] }) as never,
    memory: new Map(),
    count: countText,
    countCall,
    price: ({ model }) => prices[model],
    now: () => 0,
    signal: new AbortController().signal,
    step: async (_call, work) => (await work(new AbortController().signal, Infinity)).output,
    ...parts,
  };
}

export const standing = (parts: Partial<RungStanding> = {}): RungStanding => ({
  scope: 'run',
  dimension: 'usd',
  limit: 1,
  used: 0.8,
  held: 0,
  pressure: 0.85,
  ...parts,
});

export const verdict = (parts: Partial<Verdict> = {}): Verdict => ({
  level: 'warn',
  kind: 'repeat',
  detectors: ['repeat'],
  step: 7,
  firstStep: 1,
  period: 1,
  laps: 3,
  steps: [1, 3, 5],
  identity: 'abc',
  reason: 'tool search came 3 times with the same result',
  waste: { steps: 4, tokens: 10, nanoUsd: null },
  confidence: 0.6,
  clearedBy: 'another call',
  evidence: () => [
    { step: 3, name: 'search', args: { q: 'tea', page: 1 }, output: 'nothing found' },
    { step: 5, name: 'search', args: { q: 'tea', page: 1 }, output: 'nothing found' },
  ],
  ...parts,
});

export const halt: Halt = {
  cause: 'budget',
  reason: 'run budget exceeded',
  denial: undefined,
  verdict: undefined,
  step: 9,
  runId: 'r1',
  at: 0,
} as never;

export const modelCall = (messages?: readonly MessageView[], parts: Partial<ModelCall> = {}): ModelCall => ({
  kind: 'model',
  model: 'dear',
  ...(messages ? { messages } : {}),
  ...parts,
});

/** The only offer of a rung. */
export function offerOf(rung: Rung, call: Call, context: PrepareContext = rungContext()): RungOffer | undefined {
  const offer = rung.offer(call, context);
  return Array.isArray(offer) ? (offer as readonly RungOffer[])[0] : (offer as RungOffer | undefined);
}

/** A conversation of `turns` tool calls after a task, each result of `size` characters. */
export function conversation(turns: number, size = 400): MessageView[] {
  const messages: MessageView[] = [
    { role: 'system', text: 'You help.' },
    { role: 'user', text: 'Find the cheapest tea.' },
  ];
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push({ role: 'assistant', text: `Turn ${turn}.`, toolCalls: [{ name: 'search', args: { page: turn }, id: `c${turn}` }] });
    messages.push({ role: 'tool', text: `result ${turn} `.padEnd(size, 'x'), toolCallId: `c${turn}`, name: 'search' });
  }
  return messages;
}
