import { InvalidOptionError, RunEndedError } from '../core/errors.ts';
import { createLoopJudge } from '../loops/judge.ts';
import { ambientOf, type Ambient } from './ambient.ts';
import { treeLadder } from './climb/run-ladder.ts';
import type { RunInfo } from './events.ts';
import { LiveRun } from './live-run.ts';
import { newId } from './names.ts';
import { coreOf } from './open-run.ts';
import { runOptions, type RunOptions } from './options.ts';
import { createReplays } from './replays.ts';
import type { ResumableRuns } from './resumable-runs.ts';
import type { Run } from './run.ts';
import type { GuardCore, RunCore, RunTree } from './run-core.ts';
import type { RunParts } from './run-parts.ts';
import type { ReadSnapshot } from './run-snapshot.ts';
import { checkIds, checkScopes } from './scope-ids.ts';
import { parseOptions } from './validation.ts';

/** Starts the runs of a guard. */
export interface RunStarter<S extends string> {
  /** A new run, a live one of the same id, or one that goes on from a snapshot. Whoever starts it works in it until it leaves. */
  start(given?: RunOptions<S>): RunCore;
  /** What surrounds the caller: a context can outlive its run, which then surrounds nobody, unless it was stopped. */
  around(): Ambient | undefined;
}

/** `live` are the guard's runs by id; whoever is started is added. */
export function runStarter<S extends string>(guard: GuardCore, live: Map<string, RunCore>, resumable: ResumableRuns): RunStarter<S> {
  const { accounts, events, options } = guard;

  function start(given: RunOptions<S> = {}): RunCore {
    const wanted = parseOptions('options of a run', runOptions, given);
    const ids = checkIds(wanted.scopes ?? {}, accounts.names);
    checkScopes(wanted.budgets ?? {}, accounts.names);
    const resumed = wanted.resume === undefined ? undefined : resumable.check(wanted.resume, wanted.id, ids, (id) => live.has(id));
    if (resumed) resumable.reached(resumed.runId, resumed.steps);
    const known = wanted.id === undefined ? undefined : live.get(wanted.id);
    if (known) return joined(known, ids);
    const parent = resumed ? undefined : parentOf(wanted.parent);
    const parts: RunParts = {
      id: resumed?.runId ?? wanted.id,
      ids: resumed ? checkIds(resumed.scopes, accounts.names) : ids,
      budgets: wanted.budgets as never,
      agent: wanted.agent,
      parent,
      signal: wanted.signal,
      tree: parent?.tree ?? newTree(wanted.loopState, resumed),
      resumed: resumed?.state,
    };
    const info = infoOf(guard, parts);
    const run = new LiveRun(guard, info, parts);
    live.set(info.id, run);
    events.emit('run:start', { run: info });
    return run;
  }

  function newTree(loopState: unknown, resumed: ReadSnapshot | undefined): RunTree {
    const { nextRound = 0, epoch = 0, replays, ladder } = resumed?.state ?? {};
    return {
      judge: undefined,
      newJudge,
      knownLoops: resumed?.state.loops ?? loopState,
      climbing: options.ladder.rungs.length > 0 ? treeLadder(ladder) : undefined,
      nextStep: resumed?.steps ?? 0,
      nextRound,
      epoch,
      replays: createReplays(replays),
      streaming: undefined,
    };
  }

  const { loops, tools, detectors } = options;
  const onDetectorError = (name: string, error: unknown): void => events.emit('hook:error', { hook: `detector ${name}`, error });
  const newJudge: RunTree['newJudge'] = (known) => createLoopJudge({ loops, tools, detectors, onDetectorError }, known);

  function around(): Ambient | undefined {
    const ambient = ambientOf(guard.key);
    return ambient?.run.isEnded && !ambient.run.signal.aborted ? undefined : ambient;
  }

  /** The run that is named, or else the one around the caller. What is left of a stopped run begins no other. */
  function parentOf(named: Run | null | undefined): RunCore | undefined {
    const outer = named === undefined ? around()?.run : named;
    if (!outer) return undefined;
    const parent = coreOf(outer);
    if (parent?.guard !== guard) {
      const message = 'expected a run of this guard, or null for a run of its own';
      throw new InvalidOptionError('options of a run', [{ path: 'parent', message, value: outer.id }]);
    }
    if (outer.isEnded) throw outer.haltError ?? new RunEndedError(outer.id);
    return parent;
  }

  return { start, around };
}

/** One more works in a run that is live already. */
function joined(known: RunCore, ids: Record<string, string>): RunCore {
  for (const [scope, id] of Object.entries(ids)) {
    if (known.info.scopes[scope] === id) continue;
    throw new InvalidOptionError('options of a run', [
      { path: 'id', message: `a run of this id is live for another ${scope}; give each run an id of its own`, value: known.info.id },
    ]);
  }
  known.join();
  return known;
}

function infoOf({ accounts, clock }: GuardCore, { id = newId(), ids, agent, parent, resumed }: RunParts): RunInfo {
  // Listeners see it too, and must not be able to change for whom the run works.
  const scopes = Object.freeze({ ...parent?.info.scopes, ...ids });
  const tenant = accounts.tenantOf(scopes);
  if (parent && tenant !== parent.info.tenant) {
    const message = `a run inside another belongs to its tenant ("${parent.info.tenant}"); start it with parent: null for another tenant`;
    throw new InvalidOptionError('scopes', [{ path: 'scopes.tenant', message, value: scopes['tenant'] }]);
  }
  return { id, parentId: parent?.info.id, agent: agent ?? resumed?.agent, tenant, scopes, startedAt: resumed?.startedAt ?? clock.now() };
}
