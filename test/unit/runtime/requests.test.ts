import { createGuard, type EndedStepInfo, type ModelCall, type Run } from 'holdfast';
import { expect, it } from 'vitest';

const call: ModelCall = { kind: 'model', model: 'gpt-4o', input: 'Rain?', maxOutputTokens: 100 };
const usage = { inputTokens: 10, outputTokens: 5 };
const refused = Object.assign(new Error('busy'), { status: 503 });

async function played(play: (run: Run) => Promise<void>, budgets: object = { run: { tokens: 100_000 } }): Promise<EndedStepInfo[]> {
  const guard = createGuard({ budgets });
  const steps: EndedStepInfo[] = [];
  guard.on('step:end', ({ step }) => void steps.push(step));
  try {
    await guard.run(play);
  } finally {
    await guard.close();
  }
  return steps;
}

it('the first request inside an attempt is that attempt, each further one a further attempt, and the bill is booked once', async () => {
  const steps = await played(async (run) => {
    const step = await run.begin(call);
    await step.within(async () => {
      const attempt = await run.begin(call, { key: 'outer' });
      for (const answer of ['busy', 'busy', 'ok']) {
        const request = await run.begin(call, { isRequest: true });
        await (answer === 'busy' ? request.fail(refused) : request.end({ text: 'Yes.' }, usage));
      }
      await attempt.end({ text: 'Yes.' }, usage);
    });
    await step.end({ text: 'Yes.' }, usage);
  });
  expect(steps).toMatchObject([{ attempts: 3, outcome: 'ok', isEstimated: false, usage, used: { steps: 1, modelCalls: 3, tokens: 15 } }]);
});

it('an attempt of the outer door that follows has requests of its own', async () => {
  const steps = await played(async (run) => {
    const step = await run.begin(call);
    await step.within(async () => {
      for (const key of ['first', 'second']) {
        const attempt = await run.begin(call, { key });
        const request = await run.begin(call, { isRequest: true });
        await (key === 'first' ? request.fail(refused) : request.end({}, usage));
        await (key === 'first' ? attempt.fail(refused) : attempt.end({}, usage));
      }
    });
    await step.end();
  });
  expect(steps).toMatchObject([{ attempts: 2, isEstimated: false, usage, used: { modelCalls: 2, tokens: 15 } }]);
});

it('a further request for which there is no room is refused', async () => {
  const tries: string[] = [];
  const playing = played(
    async (run) => {
      const step = await run.begin(call);
      await step.within(async () => {
        for (const name of ['first', 'second']) {
          const request = await run.begin(call, { isRequest: true });
          tries.push(name);
          await request.fail(refused);
        }
      });
    },
    { run: { modelCalls: 1 } },
  );
  await expect(playing).rejects.toMatchObject({ code: 'budget_exceeded' });
  expect(tries).toEqual(['first']);
});

it('what streams through two doors is counted by the inner one alone', async () => {
  const words = 'one two three four five six seven eight nine ten';
  const count = async (doors: number): Promise<number> => {
    const [step] = await played(async (run) => {
      const outer = await run.begin(call);
      await outer.within(async () => {
        const inner = await run.begin(call, { isRequest: true });
        await inner.stream(words);
        if (doors === 2) await outer.stream(words);
        await inner.fail(new Error('the connection broke'));
      });
      await outer.fail(new Error('the connection broke'));
    });
    return step?.used.outputTokens ?? 0;
  };
  expect(await count(1)).toBeGreaterThan(5);
  expect(await count(2)).toBe(await count(1));
});
