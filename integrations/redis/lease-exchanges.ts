/** What a lease asks of the server: one exchange at a time, and one that was not answered again as it was. By its ids, it is done once. */
export interface Exchanges<Wish> {
  /** Whether one is under way. */
  readonly isUnderWay: boolean;
  /** Whether one is under way, or was not answered: what the server holds then is not known. */
  readonly isPending: boolean;
  /** Whether one was sent, and not answered yet. */
  readonly isUnanswered: boolean;
  /** Waits for the exchange that is under way, or makes one. */
  once(wish: Wish): Promise<void>;
  /** Waits for the exchange that is under way, and does again the one that was not answered: then it is known what is held. */
  certain(): Promise<void>;
}

/**
 * @param plan what to exchange, or undefined for nothing
 * @param carryOut sends it and takes note of the answer; rejects where none came
 */
export function exchangesBy<Wish, Exchange>(
  plan: (wish: Wish | undefined) => Exchange | undefined,
  carryOut: (exchange: Exchange) => Promise<void>,
): Exchanges<Wish | undefined> {
  let unanswered: Exchange | undefined;
  let underWay: Promise<void> | undefined;

  async function exchange(wish: Wish | undefined): Promise<void> {
    unanswered ??= plan(wish);
    if (unanswered === undefined) return;
    await carryOut(unanswered);
    unanswered = undefined;
  }

  function once(wish: Wish | undefined): Promise<void> {
    underWay ??= exchange(wish).finally(() => (underWay = undefined));
    return underWay;
  }

  async function certain(): Promise<void> {
    const pending = underWay?.catch(() => {}) ?? (unanswered && once(undefined));
    if (!pending) return;
    await pending;
    await certain();
  }

  return {
    get isUnderWay() {
      return underWay !== undefined;
    },
    get isPending() {
      return underWay !== undefined || unanswered !== undefined;
    },
    get isUnanswered() {
      return unanswered !== undefined;
    },
    once,
    certain,
  };
}
