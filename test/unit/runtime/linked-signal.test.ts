import { describe, expect, it, vi } from 'vitest';
import { linkedSignal } from '../../../src/index.ts';

describe('linkedSignal', () => {
  it.each([0, 1])('aborts with source %i, for its reason, and with that one alone', (first) => {
    const sources = [new AbortController(), new AbortController()];
    const { signal } = linkedSignal(...sources.map((source) => source.signal));
    expect(signal.aborted).toBe(false);
    const reason = new Error('the first');
    sources[first]!.abort(reason);
    sources[1 - first]!.abort(new Error('the second'));
    expect(signal.reason).toBe(reason);
  });

  it('is aborted from the start where a source is', () => {
    const reason = new Error('before');
    const { signal, unlink } = linkedSignal(new AbortController().signal, AbortSignal.abort(reason));
    expect(signal.reason).toBe(reason);
    expect(unlink).not.toThrow();
  });

  it('aborts no more when it is unlinked, and only then', () => {
    const source = new AbortController();
    const over = linkedSignal(source.signal);
    const open = linkedSignal(source.signal);
    over.unlink();
    source.abort(new Error('late'));
    expect([over.signal.aborted, open.signal.aborted]).toEqual([false, true]);
  });

  it('puts one listener on a source, however many calls are linked to it', () => {
    const { signal } = new AbortController();
    const listen = vi.spyOn(signal, 'addEventListener');
    for (let call = 0; call < 50; call += 1) linkedSignal(signal);
    expect(listen).toHaveBeenCalledTimes(1);
  });
});
