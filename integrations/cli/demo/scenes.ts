import type { BaseMessage } from '@langchain/core/messages';
import { createGuard, createMeter, HaltError, type EndedStepInfo, type Halt, type RunReport, type Verdict } from 'holdfast';
import { guardAgent } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { novel } from './novel.ts';
import { demoModel, question } from './story.ts';
import { stubbornModel, supportAgent } from './support-agent.ts';

/** Whom the demo talks to: the model that a local server plays, or a real one. */
export interface Model {
  readonly name: string;
  readonly baseURL: string | undefined;
  readonly apiKey: string;
}

/** What one scene came to. */
export interface SceneSums {
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly tokens: number;
  readonly usd: number;
  readonly answer: string | null;
}

export interface GuardedSums extends SceneSums {
  readonly halt: Halt | undefined;
  readonly verdicts: readonly Verdict[];
}

export interface NovelSums {
  readonly characters: number;
  readonly tokens: number;
  readonly limit: number;
  readonly usdSaved: number;
  readonly requestsSent: number;
  readonly reason: string;
}

/** What a scene tells while it plays. */
export interface Watcher {
  step?(step: EndedStepInfo, usdSoFar: number): void;
  verdict?(verdict: Verdict): void;
  /** After each model call of the unguarded agent. */
  turn?(sums: { modelCalls: number; tokens: number; usd: number; inputTokens: number }): void;
}

/** Starts the played model. */
export const playedModel = (): Promise<OpenAIServer> => startOpenAIServer({ script: stubbornModel });

/** The agent alone, stopped by us after so many model calls. A guard that never stops it does the counting. */
export async function unguarded(model: Model, calls: number, watch: Watcher, signal: AbortSignal): Promise<SceneSums> {
  const meter = createGuard({ budgets: { run: { modelCalls: calls } }, loops: 'off', allowUnpriced: true });
  let [tokens, usd, modelCalls] = [0, 0, 0];
  meter.on('step:end', ({ step }) => {
    if (step.kind !== 'model') return;
    tokens += step.used.tokens;
    usd += step.used.usd;
    modelCalls += 1;
    watch.turn?.({ modelCalls, tokens, usd, inputTokens: step.used.inputTokens });
  });
  const { report, answer } = await play(meter, model, signal);
  return { ...sumsOf(report), answer };
}

/** The same agent under a guard, which answers in its place when it is stopped. */
export async function guarded(model: Model, watch: Watcher, signal: AbortSignal): Promise<GuardedSums> {
  const guard = createGuard({
    budgets: { run: { usd: 0.5, steps: 60 } },
    allowUnpriced: true,
    fallback: () =>
      'I cannot reach our order service right now. I have passed your question about A-1042 to a colleague, who will write to you today.',
  });
  const verdicts: Verdict[] = [];
  let usd = 0;
  guard.on('step:end', ({ step }) => watch.step?.(step, (usd += step.used.usd)));
  guard.on('loop:verdict', ({ verdict }) => {
    verdicts.push(verdict);
    watch.verdict?.(verdict);
  });
  const { report, answer } = await play(guard, model, signal);
  return { ...sumsOf(report), answer, halt: report.halt, verdicts };
}

type AnyGuard = ReturnType<typeof createGuard<never, string>> | ReturnType<typeof createGuard>;

async function play(guard: AnyGuard, model: Model, signal: AbortSignal): Promise<{ report: RunReport; answer: string | null }> {
  let report: RunReport | undefined;
  guard.on('run:end', (end) => void (report ??= end.report));
  const agent = guardAgent(supportAgent({ ...model, model: model.name }), guard);
  let answer: string | null = null;
  try {
    const options = { recursionLimit: 1_000, signal, streamMode: ['messages', 'values'] as ('messages' | 'values')[] };
    // Streamed, as a chat window would: the guard reads along.
    for await (const [mode, chunk] of await agent.stream({ messages: [{ role: 'user', content: question }] }, options)) {
      if (mode === 'values') answer = (chunk as { messages: BaseMessage[] }).messages.at(-1)?.text ?? null;
    }
  } catch (error) {
    if (!HaltError.is(error)) throw error;
    report ??= error.report;
    answer = null;
  }
  if (!report) throw new Error('the run ended without a report');
  return { report, answer };
}

const sumsOf = ({ used }: RunReport): Omit<SceneSums, 'answer'> => ({
  modelCalls: used.modelCalls,
  toolCalls: used.toolCalls,
  tokens: used.tokens,
  usd: used.usd,
});

/** A user pastes a novel into the chat box. It is met before a byte of it is sent. */
export async function pastedNovel(model: Model, sent: () => number): Promise<NovelSums> {
  const limit = 8_000;
  const text = novel(3_200_000);
  const guard = createGuard({ budgets: { run: { inputTokens: limit } } });
  const agent = guardAgent(supportAgent({ ...model, model: model.name }), guard);
  const before = sent();
  const refusal = await agent.invoke({ messages: [{ role: 'user', content: text }] }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!HaltError.is(refusal)) throw new Error('the novel was not refused', { cause: refusal });
  const tokens = refusal.halt.denial?.asked ?? 0;
  const price = createMeter().price(demoModel);
  const usage = { inputTokens: tokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  return {
    characters: text.length,
    tokens,
    limit,
    usdSaved: (price?.cost(usage) ?? 0) / 1e9,
    requestsSent: sent() - before,
    reason: refusal.halt.reason,
  };
}
