/**
 * holdfast for the OpenAI Agents SDK.
 *
 * @module
 */
export {};
