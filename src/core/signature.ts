import { createHmac } from 'node:crypto';

/** How a request is signed: `v1=` and the HMAC-SHA-256, in hex, of its time (seconds since the epoch), a dot and its body. */
export const signatureOf = (secret: string, timestamp: string, body: string): string =>
  `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
