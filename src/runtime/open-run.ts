import type { HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import { within } from './ambient.ts';
import { beginStep } from './begin.ts';
import type { Run } from './run.ts';
import { judgeOf, type RunCore } from './run-core.ts';
import { wholeStep } from './whole-step.ts';

/**
 * A class for two reasons, both of which keep runs that are over out of the old generation, from which only a full collection
 * takes them. An object with getters of its own has a hidden class of its own, which lives as long as that, with all that the
 * getters can see; those of a class are shared. And a WeakMap from runs to what is behind them would hold on to both until then.
 * Measured: with both, a run's start and end take a quarter of the time.
 */
class OpenRun implements Run {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly agent: string | undefined;
  readonly tenant: string;
  readonly scopes: Readonly<Record<string, string>>;
  readonly #core: RunCore;

  constructor(core: RunCore) {
    const { id, parentId, agent, tenant, scopes } = core.info;
    this.id = id;
    this.parentId = parentId;
    this.agent = agent;
    this.tenant = tenant;
    this.scopes = scopes;
    this.#core = core;
  }

  get signal(): AbortSignal {
    return this.#core.signal;
  }

  get halted(): Halt | undefined {
    return this.#core.halted;
  }

  get haltError(): HaltError | undefined {
    return this.#core.haltError();
  }

  get isEnded(): boolean {
    return this.#core.isEnded;
  }

  begin(...[call, options]: Parameters<Run['begin']>): ReturnType<Run['begin']> {
    return beginStep(this.#core, call, options);
  }

  step<T>(...[call, work]: Parameters<Run['step']>): Promise<T> {
    return wholeStep(this.#core, call, work) as Promise<T>;
  }

  within<T>(fn: () => T): T {
    const { guard, info } = this.#core;
    return within({ guard: guard.key, run: this, agent: info.agent }, fn);
  }

  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    return (...args) => this.within(() => fn(...args));
  }

  halt(reason = 'the run was halted by a person'): HaltError {
    return this.#core.halt({ cause: 'person', reason });
  }

  pause(): () => void {
    const { tree } = this.#core;
    const goOn = this.#core.standStill();
    return () => {
      tree.replays.resumed();
      goOn();
    };
  }

  snapshot(): ReturnType<Run['snapshot']> {
    return this.#core.snapshot();
  }

  loopState(): unknown {
    return judgeOf(this.#core.tree).save();
  }

  report(): ReturnType<Run['report']> {
    return this.#core.report();
  }

  end(): Promise<void> {
    return this.#core.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  static coreOf(run: Run): RunCore | undefined {
    return #core in run ? run.#core : undefined;
  }
}

/** A run as its users hold it. */
export const openRun = (core: RunCore): Run => new OpenRun(core);

/** What is behind a run, of whichever guard. */
export const coreOf = (run: Run): RunCore | undefined => OpenRun.coreOf(run);
