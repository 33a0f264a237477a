import { createGuard, type Guard, type Run } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, settleAll, toolCall, watchRejections } from '../../support/guards.ts';

/** A stream that tells in which run each of its pieces is made, and whether it was tidied up. */
function pieces(guard: Guard, tidied: string[] = []) {
  return async function* stream(run: Run): AsyncGenerator<string, string, string | undefined> {
    try {
      for (let piece = 0; piece < 3; piece += 1) {
        await settleAll();
        await run.step(toolCall({ args: piece }), () => ({ output: piece }));
        const said = yield `${guard.current()?.run === run} ${piece}`;
        if (said) tidied.push(said);
      }
      return 'whole';
    } finally {
      tidied.push(`tidied in ${guard.current()?.run === run}`);
    }
  };
}

/** A stream of a run, and the run. */
async function start() {
  const clock = fakeClock();
  const guard = createGuard({ clock });
  const events = logEvents(guard);
  const tidied: string[] = [];
  let run: Run | undefined;
  const stream = await guard.run((inside) => {
    run = inside;
    return pieces(guard, tidied)(inside);
  });
  if (!run) throw new Error('the run did not start');
  return { clock, guard, events, tidied, run, stream };
}

describe('a stream that guard.run gives', () => {
  it('works in the run’s context at every piece, and ends the run when it ends', async () => {
    const { stream, run, guard, events } = await start();
    const seen: string[] = [];
    for await (const piece of stream) {
      expect(run.isEnded).toBe(false);
      expect(guard.current()).toBeUndefined();
      seen.push(piece);
    }
    expect(seen).toEqual(['true 0', 'true 1', 'true 2']);
    expect(run.isEnded).toBe(true);
    await settleAll();
    expect(events.of('run:end')[0]?.report.used.steps).toBe(3);
  });

  it('can still be driven by hand: values go in and the return value comes out', async () => {
    const { stream, tidied, run } = await start();
    await stream.next();
    await stream.next('hello');
    await stream.next();
    expect(await stream.next()).toEqual({ done: true, value: 'whole' });
    expect(tidied).toEqual(['hello', 'tidied in true']);
    expect(run.isEnded).toBe(true);
  });

  it('ends the run when the consumer breaks off, and lets the source tidy up in the run', async () => {
    const { stream, run, tidied } = await start();
    for await (const piece of stream) {
      expect(piece).toBe('true 0');
      break;
    }
    expect(tidied).toEqual(['tidied in true']);
    expect(run.isEnded).toBe(true);
  });

  it('ends the run when the consumer throws something in', async () => {
    const { stream, run } = await start();
    await stream.next();
    await expect(stream.throw(new Error('mine'))).rejects.toThrow('mine');
    expect(run.isEnded).toBe(true);
  });

  it('ends the run when the source fails, and passes the error on', async () => {
    const guard = createGuard();
    const error = new Error('source');
    let run: Run | undefined;
    const stream = await guard.run(async function* failing(inside: Run) {
      run = inside;
      yield 1;
      throw error;
    });
    expect((await stream.next()).value).toBe(1);
    expect(await errorOf(stream.next())).toBe(error);
    expect(run?.isEnded).toBe(true);
  });

  it('rejects with the error of the halt, whatever the source made of it', async () => {
    const guard = createGuard({ budgets: { run: { steps: 1 } } });
    const stream = await guard.run(async function* working(run: Run) {
      for (let piece = 0; ; piece += 1) {
        await run
          .step(toolCall({ args: piece }), () => ({ output: piece }))
          .catch(() => {
            throw new Error('something went wrong');
          });
        yield piece;
      }
    });
    await stream.next();
    const error = await errorOf(stream.next());
    expect(error).toBe(guard.lastHalt());
    expect(error).toMatchObject({ code: 'budget_exceeded' });
  });

  it('is given up, with its source, when the consumer stays away for a quarter of an hour', async () => {
    const { seen } = watchRejections();
    const { stream, run, clock, tidied } = await start();
    await stream.next();
    clock.advance(14 * 60_000);
    await stream.next();
    clock.advance(14 * 60_000);
    expect(run.isEnded).toBe(false);
    clock.advance(60_000);
    await settleAll();
    expect(tidied).toEqual(['tidied in true']);
    expect(run.isEnded).toBe(true);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(seen).toEqual([]);
  });

  it('is given up when nobody ever looks at it', async () => {
    const { run, clock } = await start();
    clock.advance(15 * 60_000);
    await settleAll();
    expect(run.isEnded).toBe(true);
  });

  it('that has no way to return is left alone when the consumer breaks off', async () => {
    const guard = createGuard();
    let run: Run | undefined;
    const source = {
      count: 0,
      [Symbol.asyncIterator]() {
        return { next: async () => ({ done: false, value: (this.count += 1) }) };
      },
    };
    const stream = await guard.run((inside) => {
      run = inside;
      return source;
    });
    for await (const piece of stream) if (piece === 2) break;
    expect(run?.isEnded).toBe(true);
    expect(source.count).toBe(2);
  });

  it('keeps everything else that the object can do', async () => {
    class Reply implements AsyncIterable<number> {
      #parts = [1, 2];
      label = 'reply';
      get size(): number {
        return this.#parts.length;
      }
      set first(value: number) {
        this.#parts[0] = value;
      }
      total(): number {
        return this.#parts.reduce((sum, part) => sum + part, 0);
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield* this.#parts;
      }
    }
    const reply = await createGuard().run(() => new Reply());
    expect(reply).toBeInstanceOf(Reply);
    expect([reply.size, reply.total(), reply.label]).toEqual([2, 3, 'reply']);
    reply.first = 5;
    reply.label = 'changed';
    expect([reply.total(), reply.label]).toEqual([7, 'changed']);
    const seen: number[] = [];
    for await (const part of reply) seen.push(part);
    expect(seen).toEqual([5, 2]);
  });

  it('may be a web stream, read either way', async () => {
    const source = (): ReadableStream<number> =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(1);
          controller.enqueue(2);
          controller.close();
        },
      });
    const guard = createGuard();
    const seen: number[] = [];
    for await (const piece of await guard.run(() => source())) seen.push(piece);
    const reader = (await guard.run(() => source())).getReader();
    seen.push((await reader.read()).value ?? 0);
    expect(seen).toEqual([1, 2, 1]);
    await guard.close();
  });

  it('holds the run open no longer than a function would when it is no stream', async () => {
    const guard = createGuard();
    let run: Run | undefined;
    await guard.run((inside) => {
      run = inside;
      return [1, 2, 3];
    });
    expect(run?.isEnded).toBe(true);
  });
});
