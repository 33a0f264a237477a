/**
 * The gate in front of an AI endpoint: `httpGate`, for web-standard and for Node servers; and the parts that it is made of.
 *
 * @module
 */

export { httpGate, type HttpGate } from './http-gate.ts';
export type { Admission, DegradedOffer, GatedGuard, GateRequest, HttpGateOptions, Scopes } from './options.ts';
export type { WebHandler } from './web-gate.ts';
export type { Next } from './node-gate.ts';
export { haltRefusal, RefusedRequestError, type Problem, type Refusal } from './problem.ts';
export { rateLimitFields } from './rate-limit-fields.ts';
export { readBody, type BodyLimits } from './node-body.ts';
export { decoded as decodedBody } from './decoded.ts';
export { endEarly } from './end-early.ts';
