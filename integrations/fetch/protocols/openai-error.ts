import type { Json } from '../json.ts';

/** An error as OpenAI sends it. */
export const openAIError = (status: number, code: string, message: string, facts: Json): Json => ({
  error: { message, type: status === 429 ? 'insufficient_quota' : 'invalid_request_error', param: null, code, holdfast: facts },
});
