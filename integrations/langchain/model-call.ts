import { convertToOpenAITool } from '@langchain/core/utils/function_calling';
import type { MessageView, ModelCall, ReasoningSettings } from 'holdfast';
import type { Built } from './built.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Providers whose name in LangChain is not the one of price tables. Others are passed on as they are. */
const providers: Readonly<Record<string, string>> = {
  google_genai: 'google',
  google_vertexai: 'google',
  amazon_bedrock: 'aws',
  bedrock: 'aws',
};

/** What a model instance says of itself: enough to count and price a call. */
export interface ModelFacts {
  readonly model: string;
  readonly provider: string | undefined;
}

const modelNames = ['model', 'modelName', 'modelId', 'deploymentName'];

/** The name and provider of a chat model or of what is bound around one. */
export function modelFacts(model: unknown): ModelFacts {
  const inner = innermost(model);
  const name = firstText([inner], modelNames) ?? className(inner);
  return { model: name, provider: providerOf(inner) };
}

const providersOf = new WeakMap<object, string | undefined>();

function providerOf(model: Settings): string | undefined {
  if (providersOf.has(model)) return providersOf.get(model);
  const provider = providerName(lsParams(model)['ls_provider']);
  providersOf.set(model, provider);
  return provider;
}

const className = (model: Settings): string => (model.constructor as { lc_name?: () => string; name: string }).name;

function lsParams(model: Settings): Settings {
  try {
    // `getLsParams` is how LangChain itself names provider and model; some need the call's options.
    const params: unknown =
      typeof model['getLsParams'] === 'function' ? (model['getLsParams'] as (options: object) => unknown)({}) : undefined;
    return settingsOf(params);
  } catch {
    return {};
  }
}

/** The provider under the name that price tables use. */
export function providerName(provider: unknown): string | undefined {
  return typeof provider === 'string' && provider !== '' ? (providers[provider] ?? provider) : undefined;
}

/** Looks through `RunnableBinding` and the like. */
export function innermost(model: unknown): Settings {
  let at: unknown = model;
  for (let depth = 0; depth < 10 && typeof at === 'object' && at !== null && 'bound' in at; depth += 1) at = at.bound;
  return settingsOf(at);
}

/**
 * A model call for the core. `settings` are looked through in order for what the caller itself asked for: the options of
 * the call first, then the fields of the model, or the parameters that go over the wire.
 */
export function modelCall(
  facts: ModelFacts,
  messages: readonly MessageView[],
  tools: readonly unknown[] | undefined,
  ...settings: readonly Settings[]
): ModelCall {
  const asked = settings.filter(asksAnything);
  const maxOutputTokens = capIn(asked);
  const reasoning = reasoningIn(asked);
  const n = firstNumber(asked, countNames);
  const serviceTier = firstText(asked, tierNames);
  const call: Built<ModelCall> = { kind: 'model', model: facts.model, messages };
  if (facts.provider !== undefined) call.provider = facts.provider;
  if (tools && tools.length > 0) call.tools = tools;
  if (maxOutputTokens !== undefined) call.maxOutputTokens = maxOutputTokens;
  if (reasoning) call.reasoning = reasoning;
  if (serviceTier !== undefined) call.serviceTier = serviceTier;
  if (n !== undefined) call.n = n;
  return call;
}

const capNames = [
  'max_completion_tokens',
  'max_output_tokens',
  'max_tokens',
  'maxTokens',
  'maxOutputTokens',
  'numPredict',
  'max_tokens_to_sample',
];
const countNames = ['n'];
const tierNames = ['service_tier'];
const effortNames = ['reasoning_effort', 'reasoningEffort'];
const nestedEffortNames = ['effort'];
const thinkingNames = ['thinking', 'thinkingConfig'];
const budgetNames = ['budget_tokens', 'thinkingBudget'];
const settingNames: ReadonlySet<string> = new Set([
  ...capNames,
  ...countNames,
  ...tierNames,
  ...effortNames,
  ...thinkingNames,
  'reasoning',
]);

// Most settings are absent, and to look for what is not there is slow: a model's class is asked once which it has at all.
const askingModels = new WeakMap<object, boolean>();

function asksAnything(settings: Settings): boolean {
  if (Object.getPrototypeOf(settings) === Object.prototype) return Object.keys(settings).some((name) => settingNames.has(name));
  const known = askingModels.get(settings);
  if (known !== undefined) return known;
  // Not `Object.keys`: some models have their settings as accessors of the class.
  const asks = [...settingNames].some((name) => name in settings);
  askingModels.set(settings, asks);
  return asks;
}

const capIn = (settings: readonly Settings[]): number | undefined => {
  const cap = firstNumber(settings, capNames);
  // Some clients write "no cap" as -1.
  return cap !== undefined && Number.isInteger(cap) && cap > 0 ? cap : undefined;
};

function reasoningIn(settings: readonly Settings[]): ReasoningSettings | undefined {
  for (const each of settings) {
    const effort = firstText([each], effortNames) ?? firstText([settingsOf(each['reasoning'])], nestedEffortNames);
    const thinking = thinkingNames.map((name) => settingsOf(each[name]));
    const budget = firstNumber(thinking, budgetNames);
    if (effort === undefined && budget === undefined) continue;
    return { ...(isEffort(effort) ? { effort } : {}), ...(budget === undefined || budget < 0 ? {} : { maxTokens: budget }) };
  }
  return undefined;
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
const isEffort = (effort: string | undefined): effort is (typeof efforts)[number] => (efforts as readonly unknown[]).includes(effort);

function firstText(settings: readonly Settings[], names: readonly string[]): string | undefined {
  for (const each of settings) {
    for (const name of names) {
      const value = each[name];
      if (typeof value === 'string' && value !== '') return value;
    }
  }
  return undefined;
}

function firstNumber(settings: readonly Settings[], names: readonly string[]): number | undefined {
  for (const each of settings) {
    for (const name of names) {
      const value = each[name];
      if (typeof value === 'number') return value;
    }
  }
  return undefined;
}

export const settingsOf = (value: unknown): Settings => (typeof value === 'object' && value !== null ? (value as Settings) : {});

const schemas = new WeakMap<object, unknown>();

/** Tools as they go over the wire. A tool's schema is converted once. */
export const wireTools = (tools: readonly unknown[] | undefined): unknown[] =>
  (tools ?? []).map((tool) => {
    if (typeof tool !== 'object' || tool === null) return tool;
    const known = schemas.get(tool);
    if (known !== undefined) return known;
    const schema = wireTool(tool);
    schemas.set(tool, schema);
    return schema;
  });

function wireTool(tool: object): unknown {
  try {
    return convertToOpenAITool(tool as Parameters<typeof convertToOpenAITool>[0]);
  } catch {
    const { name, description } = tool as { name?: unknown; description?: unknown };
    return { name, description };
  }
}
