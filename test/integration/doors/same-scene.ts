import type { OpenAIScript } from 'holdfast/testing';
import { expect, it } from 'vitest';
import { searching, type Door } from './door.ts';
import { both, type Scene, type Stage } from './stage.ts';

/** What a caller and a provider see of one question. */
async function seen({ told, server }: Stage, streams: boolean, { adds = [] }: Door): Promise<object> {
  const outcome = await told(streams);
  const failed = 'error' in outcome ? (outcome.error as Error) : undefined;
  return {
    answer: 'answer' in outcome ? outcome.answer : undefined,
    error: failed && { name: failed.name, kind: failed.constructor.name, message: failed.message },
    sent: server.requests.map(({ body }) => JSON.stringify(Object.entries(body).filter(([field]) => !adds.includes(field)))),
  };
}

const plays: readonly (readonly [string, OpenAIScript])[] = [
  ['an agent that works', searching(3)],
  ['an error of the provider', () => ({ fault: { kind: 'status', status: 418, message: 'a teapot' } })],
  ['a stream that breaks', () => ({ text: 'It will rain', fault: { kind: 'reset', afterPieces: 5 } })],
  ['an answer without anything in it', () => ({ text: '' })],
];

/** A guarded agent that is not stopped behaves as the unguarded one: to the caller, and byte for byte on the wire. */
export const sameScene: Scene = {
  title: 'changes nothing where it does not stop',
  play(set, door) {
    it.each(plays.flatMap(([name, script]) => both.map(([way, streams]) => [name, way, script, streams] as const)))(
      'in %s, %s',
      async (_name, _way, script, streams) => {
        const [guarded, plain] = [await set({ script }), await set({ script, isPlain: true })];
        expect(await seen(guarded, streams, door)).toEqual(await seen(plain, streams, door));
        expect(guarded.server.requests.length).toBeGreaterThan(0);
        expect(guarded.problems).toEqual([]);
      },
    );
  },
};
