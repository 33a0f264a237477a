import { call, fail, freshText, say, times, type LoopCase, type ScriptStep } from './script.ts';

const honest = (id: string, title: string, steps: readonly ScriptStep[], more: Partial<LoopCase> = {}): LoopCase => ({
  id,
  title,
  isLoop: false,
  steps,
  ...more,
});
const edit = (i: number): ScriptStep => call('edit_file', { path: 'src/cart.ts', line: i, text: freshText(i, 5) }, 'ok');

/** Work that looks like a loop and is none: no guard may stop it. */
export const honestWork: readonly LoopCase[] = [
  honest(
    'N1',
    'a job whose progress moves',
    times(20, (i) => call('get_job_status', { id: 7 }, `RUNNING, ${Math.min(99, 5 + 4 * i)} % done`)),
  ),
  honest(
    'N2',
    'a job that does not move, asked at growing intervals',
    times(9, (i) => call('get_job_status', { id: 7 }, 'RUNNING', { gapMs: 1000 * 2 ** i })),
  ),
  honest(
    'N2b',
    'the same with pauses in between',
    times(10, (i) => [call('get_job_status', { id: 7 }, 'RUNNING'), call('sleep', { seconds: Math.min(2 ** i, 60) }, '')]),
  ),
  honest(
    'N2c',
    'a declared poll inside its patience',
    times(40, () => call('render_state', { id: 7 }, 'waiting')),
    { tools: { render_state: { poll: '10m' } } },
  ),
  honest(
    'N3',
    'pages of a list by cursor',
    times(20, (i) => call('list_orders', { cursor: `c${i}` }, freshText(i, 60))),
  ),
  honest(
    'N3b',
    'a page that is scrolled by the same call',
    times(14, (i) => call('scroll_down', {}, freshText(i, 80))),
  ),
  honest('N4', 'three tries against an overloaded service, then success', [
    ...times(3, (i) => fail('get_rates', { currency: 'EUR' }, '503 service temporarily unavailable', { gapMs: 1000 * 2 ** i })),
    call('get_rates', { currency: 'EUR' }, '1.0832'),
  ]),
  honest(
    'N5',
    'twelve reads at once, some of them equal',
    times(12, (i) => call('read_file', { path: `src/${i % 9}.ts` }, freshText(i % 9, 60), { isSameRound: i > 0 })),
  ),
  honest(
    'N6',
    'twenty-five edits of one file',
    times(25, (i) => edit(i)),
  ),
  honest(
    'N7',
    'forty messages to forty people',
    times(40, (i) => call('send_message', { to: freshText(i, 1), text: 'Your order has shipped.' }, 'ok')),
  ),
  honest(
    'N7b',
    'twenty-five files through a silent linter',
    times(25, (i) => call('bash', { command: `eslint src/${freshText(i, 1)}.ts` }, '')),
  ),
  honest(
    'N8',
    'repairs with failures that become fewer',
    times(12, (i) => [edit(i), fail('run_tests', {}, `${12 - i} tests failed: ${freshText(i, 6)}`)]),
  ),
  honest(
    'N9',
    'the same clean check after every commit',
    times(10, (i) => [
      edit(i),
      call('bash', { command: `git commit -am "${freshText(i, 3)}"` }, `[main ${freshText(i, 1)}] 1 file changed`),
      call('bash', { command: 'git status' }, 'nothing to commit, working tree clean'),
    ]),
  ),
  honest(
    'N10',
    'output that is read as it comes, with pauses',
    times(12, (i) => [call('read_output', { id: 3 }, freshText(i, 20)), call('sleep', { seconds: 5 }, '')]),
  ),
  honest(
    'N11',
    'the same key, and a page that moves',
    times(15, (i) => call('press_key', { key: 'Down' }, 'ok', { stateHash: `state-${i}` })),
  ),
  honest(
    'N12',
    'a die that is rolled',
    times(20, (i) => call('roll', {}, String(((i * 7) % 11) + 1))),
  ),
  honest(
    'N13',
    'one test three times, to see whether it is flaky',
    times(3, () => call('run_tests', { only: 'cart' }, '1 passed')),
  ),
  honest(
    'N14',
    'fetch, transform and store, item by item',
    times(12, (i) => [
      call('fetch_item', { id: i }, freshText(i, 30)),
      call('transform', { text: freshText(i, 30) }, freshText(i + 40, 30)),
      call('store_item', { id: i, text: freshText(i + 40, 30) }, 'stored'),
    ]),
  ),
  honest(
    'N15',
    'a plan that is read again after every few edits',
    times(6, (i) => [call('read_file', { path: 'PLAN.md' }, freshText(1, 60)), ...times(8, (j) => edit(i * 8 + j))]),
  ),
  honest(
    'N16',
    'research: fifteen different pages',
    times(15, (i) => call('open_page', { url: `https://example.com/${freshText(i, 1)}` }, freshText(i, 120))),
  ),
  honest(
    'N17',
    'a load test: the tool is taken out',
    times(50, () => call('hit_endpoint', { path: '/' }, '200')),
    { tools: { hit_endpoint: { loopKey: false } } },
  ),
  honest(
    'N17b',
    'repeats that are allowed',
    times(10, () => call('spin', { wheel: 1 }, 'nothing')),
    { tools: { spin: { maxRepeats: 10 } } },
  ),
  honest(
    'N17c',
    'a person who asks for the same thing again',
    times(4, (i) => [
      call('get_reservation', { id: 'X1' }, 'reservation X1: Paris, two nights'),
      say('It is Paris, two nights.', { reply: freshText(i, 12) }),
    ]),
  ),
];
