import type { StepEndEntry } from '../log/entry.ts';

/** A model call that was sent and answered by the model itself. */
export const isModelStep = ({ kind, outcome, isCached }: StepEndEntry): boolean =>
  kind === 'model' && !isCached && (outcome === 'ok' || outcome === 'error');
