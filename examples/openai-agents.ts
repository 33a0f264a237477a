/** OpenAI's Agents SDK: agents that hand over to one another draw on one budget, and never for ever. */
import { Agent, handoff, Runner } from '@openai/agents';
import { createGuard } from 'holdfast';
import { guardRunner } from 'holdfast/openai-agents';

export async function main(say = console.log): Promise<void> {
  const parcels = new Agent({ name: 'Parcels', instructions: 'You know parcels. Money is for Billing.' });
  const billing = new Agent({ name: 'Billing', instructions: 'You know bills. Parcels are for Parcels.', handoffs: [handoff(parcels)] });
  parcels.handoffs.push(handoff(billing));

  const guard = createGuard({
    budgets: { user: { usd: 0.5, window: 'day' } },
    fallback: () => 'A colleague will call you.',
  });
  const runner = guardRunner(new Runner({ tracingDisabled: true, model: 'gpt-4o-mini' }), guard);

  const result = await runner.run(parcels, 'Who pays for my parcel?', { context: { user_id: 'u1' }, maxTurns: 50 });

  say(result.finalOutput);
  const halt = guard.lastHalt({ user: 'u1' });
  say(`stopped because: ${halt?.message}`);
  say(`handed over ${halt?.report.used.toolCalls} times`);
}
