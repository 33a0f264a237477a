/**
 * Metrics and traces of a guard for OpenTelemetry, on `@opentelemetry/api` alone: what is done with them is up to the SDK
 * that the process has set up, and without one nothing happens.
 *
 * @module
 */

export { openTelemetry, type OpenTelemetryOptions } from './open-telemetry.ts';
