import type { RunBudgets, RunOptions } from 'holdfast';
import { fieldsOf, type AnyGuard, type CallParams } from './host.ts';

/** What a door of this integration can be told. */
export interface GuardModelOptions {
  /**
   * Whom a call works for, beside what it says itself under `providerOptions.holdfast`; fixed, or a function of the call's
   * parameters. It wins. Only runs that the door starts itself ask for it.
   */
  readonly scopes?: RunOptions<string>['scopes'] | ((params: CallParams) => RunOptions<string>['scopes']);
  /** Limits of each run that the door starts; they only tighten the guard's. */
  readonly budgets?: RunBudgets<string>;
  /** The agent's name in reports. Default: `agent`. */
  readonly agent?: string;
}

const builtin = ['session', 'user', 'tenant', 'feature'] as const;

/** What is needed of the parameters of a call, of whichever kind of model. */
interface WithProviderOptions {
  providerOptions?: CallParams['providerOptions'];
}

/** What a call says of itself under `providerOptions.holdfast`: scope ids by name, and perhaps the `agent`. */
export interface SaidOfCall<P = CallParams> {
  readonly scopes: Record<string, string>;
  readonly agent: string | undefined;
  /** The parameters without it: it is nothing that a provider should see. */
  readonly params: P;
}

/** Reads and takes off what a call says of itself. */
export function saidOfCall<P extends WithProviderOptions>(guard: AnyGuard, params: P): SaidOfCall<P> {
  const { holdfast, ...others } = params.providerOptions ?? {};
  if (holdfast === undefined) return { scopes: {}, agent: undefined, params };
  const said = fieldsOf(holdfast);
  const named = builtin.flatMap((scope) =>
    said[scope] === undefined
      ? []
      : [
          [`${scope}_id`, said[scope]],
          [scope, said[scope]],
        ],
  );
  const { agent } = said;
  return {
    scopes: guard.scopesOf({ configurable: { ...said, ...(Object.fromEntries(named) as object) } }),
    agent: typeof agent === 'string' ? agent : undefined,
    params: { ...params, providerOptions: others },
  };
}

/** All the scope ids of a call. */
export function scopesOf({ scopes }: GuardModelOptions, said: SaidOfCall): Record<string, string> {
  const own = typeof scopes === 'function' ? scopes(said.params) : scopes;
  const given = Object.entries(own ?? {}).flatMap(([scope, id]) => (id === undefined ? [] : [[scope, String(id)]]));
  return { ...said.scopes, ...(Object.fromEntries(given) as Record<string, string>) };
}
