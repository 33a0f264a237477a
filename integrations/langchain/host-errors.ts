/** Whether an error is LangGraph's way to say something, such as an interrupt: it is not a failure and must pass untouched. */
export const isGraphBubbleUp = (error: unknown): boolean => (error as { is_bubble_up?: unknown } | undefined)?.is_bubble_up === true;

/**
 * Whether an error says that a graph has stopped to be taken up again: an interrupt, or a drain. A tool that hands the graph
 * over to another node by LangGraph's `ParentCommand` has done its work.
 */
export const isPause = (error: unknown): boolean => isGraphBubbleUp(error) && !isParentCommand(error);

/** Whether an error is a tool's command to the graph around its agent: a hand-over from one agent to the next. */
export const isParentCommand = (error: unknown): error is { readonly command: unknown } =>
  isGraphBubbleUp(error) && (error as { name?: unknown }).name === 'ParentCommand';

/** Whether an error is the layer that `createAgent` puts around what a middleware threw. */
export const isMiddlewareError = (error: unknown): error is Error => hasBrand(error, 'MiddlewareError');

/** Whether an error says that a tool's arguments do not fit its schema. */
export const isToolInvocationError = (error: unknown): boolean => hasBrand(error, 'ToolInvocationError');

const hasBrand = (error: unknown, brand: string): boolean =>
  error instanceof Error && (error as { '~brand'?: unknown })['~brand'] === brand;
