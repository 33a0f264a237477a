/** The body of an error as a provider sends it. */
export type ErrorBody = (status: number, message: string) => unknown;

const openAITypes: Readonly<Record<number, string>> = { 401: 'authentication_error', 429: 'rate_limit_error' };

export const openAIError: ErrorBody = (status, message) => ({
  error: { message, type: openAITypes[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error'), param: null, code: null },
});

const anthropicTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

export const anthropicError: ErrorBody = (status, message) => ({
  type: 'error',
  error: { type: anthropicTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error'), message },
});
