/** The header on every answer that is the guard's own and not the provider's. */
export const OWN_ANSWER = 'x-holdfast';

/** An answer of the guard's own, as the provider would send it. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const jsonAnswer = (status: number, body: unknown, headers: Readonly<Record<string, string>>): OwnAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const webResponse = ({ status, headers, body }: OwnAnswer): Response => new Response(body, { status, headers });
