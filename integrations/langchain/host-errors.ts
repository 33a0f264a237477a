/** Whether an error is LangGraph's way to say something, such as an interrupt: it is not a failure and must pass untouched. */
export const isGraphBubbleUp = (error: unknown): boolean => (error as { is_bubble_up?: unknown } | undefined)?.is_bubble_up === true;

/** Whether an error is the layer that `createAgent` puts around what a middleware threw. */
export const isMiddlewareError = (error: unknown): error is Error => hasBrand(error, 'MiddlewareError');

/** Whether an error says that a tool's arguments do not fit its schema. */
export const isToolInvocationError = (error: unknown): boolean => hasBrand(error, 'ToolInvocationError');

const hasBrand = (error: unknown, brand: string): boolean =>
  error instanceof Error && (error as { '~brand'?: unknown })['~brand'] === brand;
