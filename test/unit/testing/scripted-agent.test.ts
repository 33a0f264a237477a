import { expect, it } from 'vitest';
import { createGuard } from '../../../src/index.ts';
import { scriptedAgent } from '../../../src/testing/scripted-agent.ts';

const look = { name: 'look', args: { at: 'the sky' }, id: 'call_1' };

it('asks the model, calls the tools it asks for at once, and goes on until it answers', async () => {
  const seen: unknown[] = [];
  const ask = scriptedAgent({
    script: (turn) =>
      turn === 0
        ? { toolCalls: [look, { ...look, name: 'unknown', id: 'call_2' }], usage: { inputTokens: 7, outputTokens: 3 } }
        : { text: 'Blue.' },
    tools: { look: (args) => (seen.push(args), 'a blue sky') },
  });
  const guard = createGuard();
  const run = guard.start();
  const { answer, messages } = await ask(run, 'What colour is the sky?');
  await run.end();
  expect(answer).toBe('Blue.');
  expect(seen).toEqual([{ at: 'the sky' }]);
  expect(messages.map(({ role, text, toolCallId }) => [role, text, toolCallId])).toEqual([
    ['user', 'What colour is the sky?', undefined],
    ['assistant', '', undefined],
    ['tool', 'a blue sky', 'call_1'],
    ['tool', 'there is no tool unknown', 'call_2'],
    ['assistant', 'Blue.', undefined],
  ]);
  expect(run.report().used).toMatchObject({ modelCalls: 2, toolCalls: 2 });
});

it('is stopped by the run that it works in', async () => {
  const ask = scriptedAgent({ script: () => ({ toolCalls: [look] }), tools: { look: () => 'a blue sky' } });
  const guard = createGuard({ budgets: { run: { steps: 5 } } });
  await expect(guard.run((run) => ask(run, 'What colour is the sky?'))).rejects.toMatchObject({ code: 'budget_exceeded' });
});

it('gives up after its largest number of turns', async () => {
  const ask = scriptedAgent({ script: () => ({ toolCalls: [look] }), maxTurns: 3 });
  const { answer } = await createGuard({ loops: 'off' }).run((run) => ask(run, 'What colour is the sky?'));
  expect(answer).toBeUndefined();
});

it('reads nothing where a tool gives nothing', async () => {
  const ask = scriptedAgent({
    script: (turn) => (turn === 0 ? { toolCalls: [look] } : { text: 'Blue.' }),
    tools: { look: () => undefined },
  });
  const { answer, messages } = await createGuard().run((run) => ask(run, 'What colour is the sky?'));
  expect(answer).toBe('Blue.');
  expect(messages.find(({ role }) => role === 'tool')?.text).toBe('');
});
