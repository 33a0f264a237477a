import { call, fail, freshText, loop, say, times, type LoopCase } from './script.ts';

const page = freshText(1, 120);

/** Loops between agents, of protocol, and of words. */
export const loopsOfTalk: readonly LoopCase[] = [
  loop(
    'L16',
    'two agents that pass a task back and forth',
    times(16, (i) => [
      say(i % 2 === 0 ? 'Please do this, it is yours.' : 'No, this is yours, please do it.', { agent: i % 2 === 0 ? 'planner' : 'worker' }),
    ]),
  ),
  loop(
    'L16c',
    'two agents that transfer to each other, always for another reason',
    times(24, (i) => {
      const [agent, other] = i % 2 === 0 ? ['billing', 'support'] : ['support', 'billing'];
      return call(`transfer_to_${other}`, { reason: freshText(i, 5) }, `Transferred to ${other}.`, { agent });
    }),
  ),
  loop(
    'L16b',
    'sub-agents that are asked for what their parents were asked for',
    times(8, (i) =>
      call('delegate', { goal: 'write the report' }, `delegated, level ${i}`, {
        runId: `run-${i}`,
        ...(i > 0 ? { parentRunId: `run-${i - 1}` } : {}),
      }),
    ),
  ),
  loop(
    'L17',
    'tools that do not exist',
    times(12, (i) =>
      fail(`find_${freshText(i, 1)}`, { q: i }, `Unknown tool find_${freshText(i, 1)}. Choose one of the tools that were given.`),
    ),
  ),
  loop(
    'L17b',
    'arguments that are never valid',
    times(12, (i) => fail('create_issue', `{"title": "bug ${i}`, 'Invalid arguments: not JSON: unexpected end of input')),
  ),
  loop(
    'L17c',
    'empty turns',
    times(10, () => say('')),
  ),
  loop(
    'L17d',
    'a refused approval asked for again',
    times(10, () => call('delete_branch', { name: 'main' }, 'The user denied this action.')),
  ),
  loop(
    'L17e',
    'words in place of a call, and always the same rebuke',
    times(16, (i) => say(`${freshText(i, 9)}, so I call it now.`, { reply: 'Your answer holds no tool call. Please call a tool.' })),
  ),
  loop('L18', 'a call that the guard held back, issued again', [
    call('read_file', { path: 'a.ts' }, page),
    ...times(9, () => call('read_file', { path: 'a.ts' }, 'Held back: same call, same result.', { answeredByGuard: true })),
  ]),
  loop(
    'L19',
    'the same words again, without an act',
    times(10, () => say('I will now look into the problem and fix it step by step.')),
  ),
  loop(
    'L19d',
    'the same intent in slightly other words, without an act',
    times(10, (i) =>
      say(
        `Let me look into the problem with the cart and fix it step by step, this is attempt ${['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'][i]}.`,
      ),
    ),
  ),
  loop('L19b', 'a text that chants', [], { text: `The plan is clear. ${'I will check the file again. '.repeat(60)}` }),
  loop('L19c', 'a paragraph that comes back with filler between', [], {
    text: times(
      24,
      (i) => `${freshText(i, 4)}.\n\nLet me think about this once more: the order was never paid, so the refund cannot be sent.\n\n`,
    ).join(''),
  }),
];
