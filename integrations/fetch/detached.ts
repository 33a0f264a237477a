/** Lets a promise go its way: what becomes of it is told by the guard's events. */
export const detached = (promise: Promise<unknown>): void => void promise.catch(() => {});
