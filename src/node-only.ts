// An edge runtime or a browser is told at import what it lacks, in place of an error from deep inside.
export const isNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string';

if (!isNode) {
  throw new Error(
    'holdfast needs Node 20.19 or later (its AsyncLocalStorage, timers and files): run the guard in a Node process, not in a browser or an edge runtime',
  );
}
