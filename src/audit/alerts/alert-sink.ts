import type { AlertNotice } from './alert-notice.ts';

/** Where alerts go. */
export interface AlertSink {
  /** For error messages. */
  readonly name: string;
  /**
   * Delivers a group of notices. Rejects when it could not; it is tried again with the same `messageId`, unless the error
   * is a `FinalDeliveryError`. Honours `signal`: it aborts when the time is up.
   */
  send(message: { readonly messageId: string; readonly notices: readonly AlertNotice[] }, signal: AbortSignal): Promise<void>;
}

/** A delivery that would fail again however often it were tried. */
export class FinalDeliveryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FinalDeliveryError';
  }
}

/** A delivery that may be tried again, at the earliest after so long. */
export class RetryLaterError extends Error {
  readonly afterMs: number | undefined;

  constructor(message: string, afterMs: number | undefined) {
    super(message);
    this.name = 'RetryLaterError';
    this.afterMs = afterMs;
  }
}
