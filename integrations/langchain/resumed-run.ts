import type { Run } from 'holdfast';
import { restoreAnswers } from './answered-handoffs.ts';
import type { AnyGuard } from './any-guard.ts';
import { waitingAt, type SavedRun, type Thread } from './saved-runs.ts';

/**
 * The run that goes on when a thread is taken up where it was interrupted: the one that waits in this process, unless
 * another process has gone on with the thread since, which its checkpoint tells; else the one in the checkpoint. Undefined
 * where nothing waits. Its scopes stay those that it was started for: the person who answers may be another.
 *
 * @throws ResumeRefusedError where the run is another tenant's, and where it goes on here already: its person has answered
 */
export async function resumedRun(
  guard: AnyGuard,
  here: Run | undefined,
  thread: Thread | undefined,
  tenant: string | number | undefined,
): Promise<Run | undefined> {
  const saved = thread && newest((await waitingAt(thread)).runs, here);
  if (here && !here.isEnded && (!saved || (saved.run.runId === here.id && saved.run.steps <= stepsOf(here)))) return here;
  await here?.end();
  if (!saved) return undefined;
  const run = guard.start({ resume: saved.run, ...(tenant === undefined ? {} : { scopes: { tenant } }) });
  restoreAnswers(run.id, saved.answers);
  return run;
}

/** Two guards may guard one agent, and both leave their run at its checkpoint. */
const newest = (saved: readonly SavedRun[], here: Run | undefined): SavedRun | undefined =>
  saved.find(({ run }) => run.runId === here?.id) ?? saved.toSorted((a, b) => b.savedAt - a.savedAt)[0];

function stepsOf(run: Run): number {
  try {
    return run.snapshot().steps;
  } catch {
    // It was stopped: nothing in a checkpoint is of use to it.
    return Infinity;
  }
}
