/**
 * Lets what comes in one turn of the event loop be worked on together, step by step: code that runs now and then between
 * Node's own finds no cache warm, and takes several times as long as code that runs for many requests at once. Whoever is
 * alone waits for no one: the turn is over as soon as nothing more has come.
 */
export function sharedTurns(): () => Promise<void> {
  let turn: Promise<void> | undefined;
  return () =>
    (turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve();
      });
    }));
}
