/** Loops: what counts as one, tools that may repeat, and a detector of your own. */
import { createGuard, LoopDetectedError, type Detector, type Run } from 'holdfast';

const tooManyEmails: Detector = {
  name: 'too-many-emails',
  observe(step, history) {
    const sent = history.last(20).filter((past) => past.name === 'send_email').length;
    return step.name === 'send_email' && sent >= 10 ? { level: 'halt', reason: `${sent + 1} e-mails in one run` } : undefined;
  },
};

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({
    loops: 'standard',
    tools: {
      job_status: { poll: '30m' }, // waits for something: judged by time, not by count
      search: { loopKey: ['query'] }, // two searches are the same when their query is
      roll_dice: { loopKey: false }, // may repeat as it likes
    },
    detectors: [tooManyEmails],
  });
  guard.on('loop:verdict', ({ verdict }) => say(`${verdict.level}: ${verdict.kind}, ${verdict.laps} laps since step ${verdict.firstStep}`));

  const call = (run: Run, name: string, args: unknown, output: string): Promise<string> =>
    run.step({ kind: 'tool', name, args }, () => ({ output }));

  await guard.run(async (run) => {
    for (let poll = 0; poll < 20; poll += 1) await call(run, 'job_status', { job: 7 }, 'RUNNING');
  });
  say('20 polls: fine');

  const stuck = guard.run(async (run) => {
    for (;;) await call(run, 'search', { query: 'rain' }, 'no results');
  });
  await stuck.catch((error: unknown) => {
    if (!(error instanceof LoopDetectedError)) throw error;
    say(error.message);
  });
}
