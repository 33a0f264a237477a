/** No framework: one verb. A step holds what a call may need, does it, and books what it really cost. */
import { createGuard, HaltError } from 'holdfast';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { run: { usd: 0.02 }, user: { usd: 1, window: 'day' } } });

  // Stands for your own client.
  const callModel = async (input: string, maxTokens: number | undefined): Promise<{ text: string; input: number; output: number }> => ({
    text: `an answer of at most ${maxTokens} tokens`,
    input: Math.ceil(input.length / 4),
    output: 180,
  });

  const answers = guard.run({ scopes: { user: 'u1' } }, async (run) => {
    for (let question = 1; ; question += 1) {
      const input = `question ${question}`;
      const answer = await run.step({ kind: 'model', model: 'gpt-4o', input }, async (offer) => {
        const { text, ...usage } = await callModel(input, offer.edits.maxOutputTokens);
        return { output: text, usage: { inputTokens: usage.input, outputTokens: usage.output } };
      });
      if (question === 1) say(answer);
    }
  });

  await answers.catch((error: unknown) => {
    if (!HaltError.is(error)) throw error;
    const { used, models } = error.report;
    say(error.message);
    say(`${used.modelCalls} calls of ${Object.keys(models).join(', ')} for $${used.usd.toFixed(4)}`);
  });
}
