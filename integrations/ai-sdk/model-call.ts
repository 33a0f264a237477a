import type { ModelCall } from 'holdfast';
import { fieldsOf, recordsOf, type CallParams, type HostModel } from './host.ts';
import { promptViews } from './prompt-views.ts';
import { providerPart, reasoningIn } from './reasoning.ts';

/** Providers whose name in the SDK is not the one of price tables. Others are passed on as they are. */
const providers: Readonly<Record<string, string>> = {
  'amazon-bedrock': 'aws',
  bedrock: 'aws',
  vertex: 'google',
  'google-vertex': 'google',
};

/** The name and provider under which price tables know a model. A gateway names the provider within the model's name. */
export function modelFacts({ modelId, provider }: Pick<HostModel, 'modelId' | 'provider'>): {
  model: string;
  provider: string | undefined;
} {
  const part = providerPart(provider);
  const slash = modelId.indexOf('/');
  if (part === 'gateway' && slash > 0) return { model: modelId.slice(slash + 1), provider: modelId.slice(0, slash) };
  return { model: modelId, provider: part === '' || part === 'gateway' ? undefined : (providers[part] ?? part) };
}

/** A call of the SDK as a call of the core's. */
export function modelCall(model: HostModel, params: CallParams, agent: string | undefined): ModelCall {
  const { responseFormat, maxOutputTokens } = params;
  const facts = modelFacts(model);
  const tools = wireTools(params.tools);
  const reasoning = reasoningIn(params);
  const serviceTier = Object.values(params.providerOptions ?? {})
    .map((options) => fieldsOf(options)['serviceTier'])
    .find((tier) => typeof tier === 'string');
  return {
    kind: 'model',
    model: facts.model,
    ...(facts.provider === undefined ? {} : { provider: facts.provider }),
    messages: promptViews(params.prompt),
    ...(tools.length > 0 ? { tools } : {}),
    ...(responseFormat?.type === 'json' && responseFormat.schema ? { outputSchema: responseFormat.schema } : {}),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(reasoning ? { reasoning } : {}),
    ...(typeof serviceTier === 'string' ? { serviceTier } : {}),
    ...(agent === undefined ? {} : { agent }),
  };
}

const schemas = new WeakMap<object, unknown>();

/** Tools as they go over the wire. */
const wireTools = (tools: CallParams['tools']): unknown[] =>
  recordsOf(tools).map((tool) => {
    const known = schemas.get(tool);
    if (known !== undefined) return known;
    const { type, name, description, inputSchema, args } = tool;
    const schema = type === 'function' ? { type, function: { name, description, parameters: inputSchema } } : { type, name, args };
    schemas.set(tool, schema);
    return schema;
  });
