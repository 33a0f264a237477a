import type { Attributes } from '@opentelemetry/api';
import type { EndedStepInfo, RunInfo, StepInfo } from 'holdfast';

/**
 * Names of the GenAI conventions, which are still in development; what they have no word for is under `holdfast.`.
 * See https://opentelemetry.io/docs/specs/semconv/gen-ai/.
 */
export const runAttributes = ({ id, parentId, agent, tenant, scopes }: RunInfo): Attributes => ({
  'gen_ai.operation.name': 'invoke_agent',
  ...(agent === undefined ? {} : { 'gen_ai.agent.name': agent }),
  ...(scopes['session'] === undefined ? {} : { 'gen_ai.conversation.id': scopes['session'] }),
  'holdfast.run.id': id,
  ...(parentId === undefined ? {} : { 'holdfast.run.parent_id': parentId }),
  'holdfast.tenant': tenant,
  ...Object.fromEntries(Object.entries(scopes).map(([scope, value]) => [`holdfast.scope.${scope}`, value])),
});

/** What is known of a step when it begins. */
export function stepAttributes({ id: runId }: RunInfo, { kind, name, index, round, held, expected, rungs }: StepInfo): Attributes {
  const isModel = kind === 'model';
  return {
    'gen_ai.operation.name': isModel ? 'chat' : 'execute_tool',
    [isModel ? 'gen_ai.request.model' : 'gen_ai.tool.name']: name,
    ...(isModel && held.outputTokens > 0 ? { 'gen_ai.request.max_tokens': held.outputTokens } : {}),
    'holdfast.run.id': runId,
    'holdfast.step.index': index,
    'holdfast.step.round': round,
    'holdfast.held.usd': held.usd,
    'holdfast.held.tokens': held.tokens,
    'holdfast.expected.usd': expected.usd,
    ...(rungs.length > 0 ? { 'holdfast.rungs': [...rungs] } : {}),
  };
}

/** The providers of the price table whose names the conventions have in another form. */
const providerNames: Readonly<Record<string, string>> = {
  aws: 'aws.bedrock',
  google: 'gcp.gen_ai',
  mistral: 'mistral_ai',
  'x-ai': 'x_ai',
};

/** Whose model it was, as far as its price tells; nothing for tools, and for prices of one's own. */
export function providerAttributes({ priceSource = '' }: EndedStepInfo): Attributes {
  const provider = /^genai-prices:([^/]+)\//.exec(priceSource)?.[1];
  return provider === undefined ? {} : { 'gen_ai.provider.name': providerNames[provider] ?? provider };
}

/** Of an error no more is told than that there was one: its name may be anything. */
export const errorAttributes = (isError: boolean): Attributes => (isError ? { 'error.type': '_OTHER' } : {});

/** What is known of it when it is over. */
export function endedStepAttributes(step: EndedStepInfo): Attributes {
  const { kind, name, usage, used, overage, outcome, attempts, priceSource } = step;
  return {
    ...(kind === 'model' ? { 'gen_ai.response.model': name } : {}),
    ...providerAttributes(step),
    ...errorAttributes(outcome === 'error'),
    ...(usage
      ? {
          'gen_ai.usage.input_tokens': usage.inputTokens,
          'gen_ai.usage.output_tokens': usage.outputTokens,
          'gen_ai.usage.cache_read.input_tokens': usage.cachedInputTokens,
          'gen_ai.usage.cache_creation.input_tokens': usage.cacheWriteTokens,
          'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
        }
      : {}),
    'holdfast.used.usd': used.usd,
    'holdfast.used.tokens': used.tokens,
    'holdfast.overage.usd': overage.usd,
    'holdfast.step.outcome': outcome,
    'holdfast.step.attempts': attempts,
    'holdfast.step.is_estimated': step.isEstimated,
    'holdfast.step.is_cached': step.isCached,
    ...(priceSource === undefined ? {} : { 'holdfast.price.source': priceSource }),
  };
}
