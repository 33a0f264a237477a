import { InvalidOptionError } from '../core/errors.ts';
import { LiveRun } from './live-run.ts';
import { newId } from './names.ts';
import type { GuardCore, RunCore } from './run-core.ts';
import type { RunParts } from './run-parts.ts';

/** Starts a run. Whoever started it works in it until it leaves. */
export function startRun(guard: GuardCore, parts: RunParts): RunCore {
  const { parent, resumed } = parts;
  const { accounts, clock, events } = guard;
  // Listeners see it too, and must not be able to change for whom the run works.
  const scopes = Object.freeze({ ...parent?.info.scopes, ...parts.ids });
  const tenant = accounts.tenantOf(scopes);
  if (parent && tenant !== parent.info.tenant) {
    const message = `a run inside another belongs to its tenant ("${parent.info.tenant}"); start it with parent: null for another tenant`;
    throw new InvalidOptionError('scopes', [{ path: 'scopes.tenant', message, value: scopes['tenant'] }]);
  }
  const info = {
    id: parts.id ?? newId(),
    parentId: parent?.info.id,
    agent: parts.agent ?? resumed?.agent,
    tenant,
    scopes,
    startedAt: resumed?.startedAt ?? clock.now(),
  };
  const run = new LiveRun(guard, info, parts);
  events.emit('run:start', { run: info });
  return run;
}
