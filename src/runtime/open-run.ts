import type { HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import type { RunInfo } from './events.ts';
import type { Run } from './run.ts';
import type { RunCore } from './run-core.ts';

/** What is behind a run: the part that does the work, and what changes while one looks at it. */
export interface Behind {
  readonly core: RunCore;
  halted(): Halt | undefined;
  isEnded(): boolean;
}

type Fact = 'halted' | 'haltError' | 'isEnded';
type Verb = Exclude<keyof Run, Fact | keyof Pick<RunInfo, 'id' | 'parentId' | 'agent' | 'tenant' | 'scopes'> | typeof Symbol.asyncDispose>;

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
  readonly signal: Run['signal'];
  readonly begin: Run['begin'];
  readonly step: Run['step'];
  readonly within: Run['within'];
  readonly bind: Run['bind'];
  readonly halt: Run['halt'];
  readonly pause: Run['pause'];
  readonly snapshot: Run['snapshot'];
  readonly loopState: Run['loopState'];
  readonly report: Run['report'];
  readonly end: Run['end'];
  readonly #behind: Behind;

  constructor({ id, parentId, agent, tenant, scopes }: RunInfo, verbs: Pick<Run, Verb>, behind: Behind) {
    this.id = id;
    this.parentId = parentId;
    this.agent = agent;
    this.tenant = tenant;
    this.scopes = scopes;
    this.signal = verbs.signal;
    this.begin = verbs.begin;
    this.step = verbs.step;
    this.within = verbs.within;
    this.bind = verbs.bind;
    this.halt = verbs.halt;
    this.pause = verbs.pause;
    this.snapshot = verbs.snapshot;
    this.loopState = verbs.loopState;
    this.report = verbs.report;
    this.end = verbs.end;
    this.#behind = behind;
  }

  get halted(): Halt | undefined {
    return this.#behind.halted();
  }

  get haltError(): HaltError | undefined {
    return this.#behind.core.haltError();
  }

  get isEnded(): boolean {
    return this.#behind.isEnded();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  static coreOf(run: Run): RunCore | undefined {
    return #behind in run ? run.#behind.core : undefined;
  }
}

/** A run as its users hold it. */
export const openRun = (info: RunInfo, verbs: Pick<Run, Verb>, behind: Behind): Run => new OpenRun(info, verbs, behind);

/** What is behind a run, of whichever guard. */
export const coreOf = (run: Run): RunCore | undefined => OpenRun.coreOf(run);
