/**
 * Methods with which LangChain reaches a Runnable through others of its methods, or builds another one around it: whoever
 * takes over those others must let these find what took over, for on the thing itself they go past it.
 */
export const waysAround: ReadonlySet<PropertyKey> = new Set([
  'batch',
  'stream',
  'transform',
  '_streamIterator',
  'streamEvents',
  '_streamEventsV1',
  '_streamEventsV2',
  'streamLog',
  '_streamLog',
  'pipe',
  'pick',
  'assign',
  'asTool',
  'withConfig',
  'withRetry',
  'withFallbacks',
  'withListeners',
]);
