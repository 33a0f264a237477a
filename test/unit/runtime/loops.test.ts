import { createGuard, LoopDetectedError, type Detector, type MessageView } from 'holdfast';
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

describe('a history that was cut', () => {
  const system: MessageView = { role: 'system', text: 'You read files.' };
  const turns = (count: number): MessageView[] => [
    system,
    ...Array.from({ length: count }, (_, at) => ({ role: 'user', text: `turn ${at}` }) as const),
  ];

  /** Reads three files, round and round; the model's history has so many turns at each reading. */
  async function readings(lengths: readonly number[]): Promise<number> {
    const guard = createGuard();
    let read = 0;
    await guard
      .run(async (run) => {
        for (const length of lengths) {
          await run.step({ kind: 'model', model: 'gpt-4o', messages: turns(length) }, () => ({
            output: '',
            result: { toolCalls: [{ name: 'read_file', args: { path: 'a.ts' } }] },
          }));
          await run.step({ kind: 'tool', name: 'read_file', args: { path: 'a.ts' } }, () => ({ output: 'const a = 1;' }));
          read += 1;
        }
      })
      .catch((error: unknown) => {
        if (!(error instanceof LoopDetectedError)) throw error;
      });
    return read;
  }

  test('excuses one more reading of what was read before, and not a loop', async () => {
    const growing = Array.from({ length: 30 }, (_, at) => at + 1);
    const cutOnce = growing.map((length) => (length > 3 ? length - 3 : length));
    const [without, withCut] = [await readings(growing), await readings(cutOnce)];
    expect(without).toBeLessThan(10);
    expect(withCut).toBe(without + 1);
  });
});

describe('a thread that goes on in another process', () => {
  const look = (guard: ReturnType<typeof createGuard>, times: number, loopState?: unknown): Promise<unknown> =>
    guard.run({ id: 'thread 7', loopState }, async (run) => {
      for (let at = 0; at < times; at += 1) {
        await run.step({ kind: 'tool', name: 'look', args: { at: 'x' } }, () => ({ output: 'nothing' }));
      }
      return JSON.parse(JSON.stringify(run.loopState())) as unknown;
    });

  test('is judged with what was known of it', async () => {
    const saved = await look(createGuard(), 3);
    const outcome = (state?: unknown): Promise<unknown> =>
      look(createGuard(), 3, state).then(
        () => 'went on',
        (error: unknown) => error,
      );
    expect(await outcome()).toBe('went on');
    expect(await outcome(saved)).toBeInstanceOf(LoopDetectedError);
  });

  test('begins afresh where the state is none', async () => {
    for (const nonsense of [42, 'x', { version: 99 }, null]) await expect(look(createGuard(), 3, nonsense)).resolves.toBeDefined();
  });
});

describe('a history that became shorter', () => {
  const said = (head: string, messages: number): MessageView[] =>
    Array.from({ length: messages }, (_, place) => ({ role: place === 0 ? 'system' : 'user', text: place === 0 ? head : `word ${place}` }));
  const long = 'You are a careful helper. '.repeat(20);

  test.each([
    ['was cut, where it begins as before', long, 1],
    ['is that of another agent, where it begins otherwise', `You book. ${long}`, 0],
    ['is that of another agent, where only the length of the beginning differs', `${long}And book.`, 0],
  ])('%s', async (_, head, cuts) => {
    let epoch: number | undefined;
    const looks: Detector = { name: 'looks', observe: (step) => void (epoch = step.epoch) };
    const guard = createGuard({ detectors: [looks] });
    await guard.run(async (run) => {
      await run.step({ kind: 'model', model: 'gpt-4o', messages: said(long, 5) }, () => ({ output: 'yes' }));
      await run.step({ kind: 'model', model: 'gpt-4o', messages: said(head, 2) }, () => ({ output: 'yes' }));
      await run.step({ kind: 'tool', name: 'look', args: {} }, () => ({ output: 1 }));
    });
    expect(epoch).toBe(cuts);
  });
});
