/** The raw SDKs: a guarded fetch meters every request of a client, its own retries among them. */
import { createGuard } from 'holdfast';
import { guardFetch, haltErrorOf } from 'holdfast/fetch';
import OpenAI from 'openai';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { run: { steps: 60 }, user: { modelCalls: 4, window: 'day' } } });
  const client = new OpenAI({ fetch: guardFetch(guard, { scopes: { user: 'u1' } }) });

  const ask = async (question: string): Promise<string | null> => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: question }];
    const tools: OpenAI.ChatCompletionTool[] = [
      { type: 'function', function: { name: 'read_page', parameters: { type: 'object', properties: { page: { type: 'number' } } } } },
    ];
    for (;;) {
      const { choices } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools });
      const message = choices[0]!.message;
      if (!message.tool_calls) return message.content;
      messages.push(message);
      for (const { id } of message.tool_calls) messages.push({ role: 'tool', tool_call_id: id, content: `${id}: lorem ipsum` });
    }
  };

  try {
    say(await ask('Read me the whole manual'));
    say(await ask('And now the other one'));
  } catch (error) {
    const halt = haltErrorOf(guard, error);
    if (!halt) throw error;
    say(`${(error as { status?: number }).status}: ${halt.message}`);
  }
}
