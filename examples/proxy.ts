/**
 * An agent that knows nothing of holdfast, behind `holdfast proxy`: all it has is another base URL. It could be in any language.
 * Start the proxy first: `npx holdfast proxy --upstream https://api.openai.com/v1`
 */
export async function main(say = console.log): Promise<void> {
  const { HOLDFAST_PROXY_URL: url = 'http://127.0.0.1:4800', OPENAI_API_KEY: key = '' } = process.env;
  const messages: unknown[] = [{ role: 'user', content: 'Find me a flight to Oslo' }];
  const parameters = { type: 'object', properties: { to: { type: 'string' } } };

  for (;;) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o-mini',
        messages,
        tools: [{ type: 'function', function: { name: 'find_flight', parameters } }],
      }),
    });
    if (!response.ok) {
      const { error } = (await response.json()) as { error: { code: string } };
      return say(`stopped: ${error.code}`);
    }
    const { choices } = (await response.json()) as { choices: { message: { content: string; tool_calls?: { id: string }[] } }[] };
    const message = choices[0]!.message;
    if (!message.tool_calls) return say(message.content);
    messages.push(message);
    for (const { id } of message.tool_calls) messages.push({ role: 'tool', tool_call_id: id, content: 'no flights found' });
  }
}
