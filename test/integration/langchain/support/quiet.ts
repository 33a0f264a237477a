import { afterEach, beforeEach, vi } from 'vitest';

/** LangChain writes to the console whatever a handler throws, which is how a handler stops a run. */
export function silenceHandlerErrors(): void {
  beforeEach(() => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
}
