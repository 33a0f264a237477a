import { createGuard, LoopDetectedError, type MessageView } from 'holdfast';
import { describe, expect, test } from 'vitest';

describe('what a model says', () => {
  test('is no loop when the same answer is given to one question after the other', async () => {
    const guard = createGuard();
    const answers = await guard.run(async (run) => {
      const given: string[] = [];
      for (let document = 0; document < 40; document += 1) {
        const messages: MessageView[] = [{ role: 'user', text: `Is document ${document} about rain? Answer yes or no.` }];
        given.push(await run.step({ kind: 'model', model: 'gpt-4o', messages }, () => ({ output: 'no' })));
        given.push(await run.step({ kind: 'model', model: 'gpt-4o', input: `And document ${document}?` }, () => ({ output: 'no' })));
      }
      return given;
    });
    expect(answers).toHaveLength(80);
  });

  test('is a loop when it goes on saying it in one conversation', async () => {
    const guard = createGuard();
    const messages: MessageView[] = [{ role: 'user', text: 'Please book the flight.' }];
    const talk = guard.run(async (run) => {
      for (let turn = 0; turn < 40; turn += 1) {
        const text = await run.step({ kind: 'model', model: 'gpt-4o', messages: [...messages] }, () => ({
          output: 'I am going to book the flight for you now.',
        }));
        messages.push({ role: 'assistant', text }, { role: 'user', text: 'Go on.' });
      }
    });
    await expect(talk).rejects.toBeInstanceOf(LoopDetectedError);
    expect(messages.length).toBeLessThan(30);
  });
});

describe('tools of a run whose model nobody meters', () => {
  test('are a loop when they come one after the other with the same result', async () => {
    const guard = createGuard();
    let calls = 0;
    const stuck = guard.run(async (run) => {
      for (; calls < 100; calls += 1) await run.step({ kind: 'tool', name: 'look', args: { at: 'x' } }, () => ({ output: 'nothing' }));
    });
    await expect(stuck).rejects.toBeInstanceOf(LoopDetectedError);
    expect(calls).toBeLessThan(10);
  });

  test('are one round when they run at the same time', async () => {
    const guard = createGuard();
    const outputs = await guard.run((run) =>
      Promise.all(
        Array.from({ length: 12 }, () => run.step({ kind: 'tool', name: 'look', args: { at: 'x' } }, async () => ({ output: 'nothing' }))),
      ),
    );
    expect(outputs).toHaveLength(12);
  });
});
