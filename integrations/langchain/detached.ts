/** Lets a promise go on by itself: what fails in it has been told elsewhere, as an event or to whoever waits for the same thing. */
export function detached(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {});
}
