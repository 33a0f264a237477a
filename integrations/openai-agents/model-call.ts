import type { ModelCall, ReasoningSettings } from 'holdfast';
import { fieldsOf, type ModelRequest } from './host.ts';
import { requestViews } from './item-views.ts';

/** What is known of a model beside its calls. */
export interface ModelFacts {
  readonly model: string;
  readonly provider?: string | undefined;
}

const efforts: ReadonlySet<unknown> = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);

/** A request as a call of the core's. */
export function modelCall({ model, provider }: ModelFacts, request: ModelRequest, agent: string | undefined): ModelCall {
  const { modelSettings, outputType } = request;
  const { maxTokens, reasoning, providerData } = modelSettings;
  const tools = wireTools(request);
  const serviceTier = fieldsOf(providerData)['service_tier'];
  const effort: unknown = reasoning?.effort;
  const schema = outputType === 'text' ? undefined : fieldsOf(outputType)['schema'];
  return {
    kind: 'model',
    model,
    ...(provider === undefined ? {} : { provider }),
    messages: requestViews(request),
    ...(tools.length > 0 ? { tools } : {}),
    ...(schema === undefined ? {} : { outputSchema: schema }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(efforts.has(effort) ? { reasoning: { effort } as ReasoningSettings } : {}),
    ...(typeof serviceTier === 'string' ? { serviceTier } : {}),
    ...(agent === undefined ? {} : { agent }),
  };
}

const schemas = new WeakMap<object, unknown>();

/** The same object for the same tool: what is counted once is not counted again. */
function wireTool<T extends object>(tool: T, wire: (tool: T) => unknown): unknown {
  const known = schemas.get(tool) ?? wire(tool);
  schemas.set(tool, known);
  return known;
}

/** Tools and hand-overs as they go over the wire. */
function wireTools({ tools, handoffs }: ModelRequest): unknown[] {
  const functions = tools.map((tool) =>
    wireTool(tool, (each) => {
      if (each.type !== 'function') return { ...each };
      const { name, description, parameters, strict } = each;
      return { type: 'function', function: { name, description, parameters, strict } };
    }),
  );
  const handovers = handoffs.map((handoff) =>
    wireTool(handoff, ({ toolName, toolDescription, inputJsonSchema, strictJsonSchema }) => ({
      type: 'function',
      function: { name: toolName, description: toolDescription, parameters: inputJsonSchema, strict: strictJsonSchema },
    })),
  );
  return [...functions, ...handovers];
}
