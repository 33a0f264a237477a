import { wrapEmbeddingModel, type EmbeddingModelMiddleware } from 'ai';
import { untilAborted, type ModelCall, type UsageReport } from 'holdfast';
import { saidOfCall, type GuardModelOptions } from './call-scopes.ts';
import { doorRuns, type Seat } from './door-runs.ts';
import { eitherSignal } from './halted-call.ts';
import type { AnyGuard } from './host.ts';
import { modelFacts } from './model-call.ts';

type WrapEmbed = NonNullable<EmbeddingModelMiddleware['wrapEmbed']>;

/** An embedding model as the SDK's providers make it. */
export type HostEmbeddingModel = Parameters<WrapEmbed>[0]['model'];
type EmbedParams = Parameters<WrapEmbed>[0]['params'];
type EmbedResult = Awaited<ReturnType<WrapEmbed>>;

/** For the runs that the door starts itself: outside of any run, each request to the provider is one. */
export type GuardEmbeddingModelOptions = Pick<GuardModelOptions, 'budgets' | 'agent'> & {
  /** Whom a call works for, beside what it says itself under `providerOptions.holdfast`. It wins. */
  readonly scopes?: Readonly<Record<string, string>>;
};

/**
 * The same embedding model for `embed` and `embedMany`, each request of which is a step: its texts are counted and held before,
 * and what was billed is booked after. It belongs to the run around it (of `guard.run`, of the agent whose tool embeds), else it
 * is a run of its own. A refused request throws the run's own error: there is no other answer than vectors.
 *
 * @example
 * const { embedding } = await embed({ model: guardEmbeddingModel(openai.embedding('text-embedding-3-small'), guard), value: 'rain' });
 */
export function guardEmbeddingModel(
  model: HostEmbeddingModel,
  guard: AnyGuard,
  options: GuardEmbeddingModelOptions = {},
): HostEmbeddingModel {
  return wrapEmbeddingModel({
    model,
    middleware: { specificationVersion: 'v3', wrapEmbed: (call) => embedded(guard, options, call.model, call.params) },
  });
}

async function embedded(
  guard: AnyGuard,
  { scopes, budgets, agent }: GuardEmbeddingModelOptions,
  model: HostEmbeddingModel,
  given: EmbedParams,
): Promise<EmbedResult> {
  const said = saidOfCall(guard, given);
  const { params } = said;
  const name = said.agent ?? agent;
  const around = guard.current();
  const seat: Pick<Seat, 'run' | 'begun' | 'leave'> = around
    ? { run: around.run, begun: () => {}, leave: async () => {} }
    : doorRuns(guard).own({ scopes: { ...said.scopes, ...scopes }, agent: name ?? 'agent', ...(budgets ? { budgets } : {}) });
  const { run } = seat;
  try {
    const step = await run.begin(embedCall(model, params, name), { canEdit: [] });
    seat.begun(step);
    try {
      const asked = { ...params, abortSignal: eitherSignal(params.abortSignal, run) };
      const result = await untilAborted(
        run.signal,
        step.within(() => model.doEmbed(asked)),
      );
      await step.end({ output: '' }, usageReport(result));
      return result;
    } catch (error) {
      await step.fail(error);
      throw error;
    }
  } catch (error) {
    throw run.haltError ?? error;
  } finally {
    await seat.leave('ended');
  }
}

/** Vectors for texts: input alone is paid for. */
function embedCall(model: HostEmbeddingModel, { values }: EmbedParams, agent: string | undefined): ModelCall {
  const facts = modelFacts(model);
  return {
    kind: 'model',
    model: facts.model,
    ...(facts.provider === undefined ? {} : { provider: facts.provider }),
    input: values.join('\n'),
    maxOutputTokens: 0,
    ...(agent === undefined ? {} : { agent }),
  };
}

function usageReport({ usage }: EmbedResult): UsageReport | undefined {
  const tokens = usage?.tokens;
  return tokens !== undefined && Number.isSafeInteger(tokens) && tokens >= 0 ? { inputTokens: tokens, outputTokens: 0 } : undefined;
}
