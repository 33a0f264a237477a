import { RunnableBinding } from '@langchain/core/runnables';

type Binding = RunnableBinding<unknown, unknown>;

export const isBinding = (value: unknown): value is Binding => value instanceof RunnableBinding;

/** The same binding around something else. */
export function rebound(binding: Binding, bound: unknown): Binding {
  const { kwargs, config, configFactories } = binding;
  return new RunnableBinding({ bound, kwargs, config, configFactories } as ConstructorParameters<typeof RunnableBinding>[0]) as Binding;
}
