import { call, fail, freshText, say, times, type LoopCase, type ScriptStep } from './script.ts';

const honest = (id: string, title: string, steps: readonly ScriptStep[], more: Partial<LoopCase> = {}): LoopCase => ({
  id,
  title,
  isLoop: false,
  steps,
  ...more,
});
const edit = (i: number): ScriptStep => call('edit_file', { path: 'src/cart.ts', line: i, text: freshText(i, 5) }, 'ok');

/** Columns as most tables have them, in an order of their own. */
function columns(table: number): string {
  const names = ['id', 'name', 'created', 'updated', 'owner', 'amount'];
  return times(
    5,
    (i) => `column ${names[(table * 5 + i * (table + 1)) % names.length]} of type ${['int', 'text', 'date'][(table + i) % 3]}`,
  ).join('\n');
}

/** Bytes as a host writes them: letters and digits in one word. */
const picture = (seed: number): string => times(60, (i) => freshText(seed * 60 + i, 1) + String(i * (seed + 1))).join('');

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
    { tools: { render_state: { poll: '1h' } } },
  ),
  honest(
    'N2d',
    'a pause and a look in one command',
    times(12, () => call('bash', { command: 'sleep 30; gh run view 7' }, 'in progress')),
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
  honest(
    'N3c',
    'pages of a log whose lines differ in times and numbers alone',
    times(30, (page) =>
      call(
        'read_log',
        { offset: page * 20 },
        times(20, (i) => `12:0${i % 10}:11 worker ${i % 4} did job ${(page * 20 + i) * 7919} in ${i + 3}ms`).join('\n'),
      ),
    ),
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
    'N8b',
    'repairs with failures of which only the number falls',
    times(14, (i) => [edit(i), fail('run_tests', {}, `Tests: ${14 - i} failed, ${i} passed, 14 in all`)]),
  ),
  honest(
    'N8c',
    'one missing module after the other',
    times(12, (i) => [
      call('bash', { command: 'python app.py' }, `ModuleNotFoundError: No module named '${freshText(i, 1)}'`),
      call('bash', { command: `pip install ${freshText(i, 1)}` }, `Successfully installed ${freshText(i, 1)}`),
    ]),
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
    'N9b',
    'one form after the other, by tools that say nothing of themselves',
    times(12, (i) => [
      call('enter', { field: freshText(i, 1), value: freshText(i + 9, 2) }, 'ok'),
      call('confirm', { selector: '#save' }, 'Saved'),
      call('get_form_state', {}, 'valid'),
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
    'N11b',
    'clicks, and a picture after each',
    times(30, (i) => [call('click', { x: i * 31, y: i * 17 }, 'ok'), call('screenshot', {}, [{ type: 'image', data: picture(i) }])]),
  ),
  honest(
    'N12',
    'a die that is rolled',
    times(20, (i) => call('roll', {}, String(((i * 7) % 11) + 1))),
  ),
  honest(
    'N12b',
    'a die of six sides',
    '352641536214461325134652416253614352264153163524'.split('').map((side) => call('roll', {}, side)),
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
    'N15b',
    'a home page between finds',
    times(8, (i) => [
      call('goto', { url: 'https://shop.example' }, freshText(1, 90)),
      call('search', { query: freshText(i, 2) }, freshText(i + 20, 60)),
      call('open_item', { id: i }, freshText(i + 40, 60)),
    ]),
  ),
  honest(
    'N16',
    'research: fifteen different pages',
    times(15, (i) => call('open_page', { url: `https://example.com/${freshText(i, 1)}` }, freshText(i, 120))),
  ),
  honest(
    'N16b',
    'twenty tables described, all in the same few words',
    times(20, (i) => call('describe_table', { name: i % 2 === 0 ? freshText(i, 1) : `table${i}` }, columns(i))),
  ),
  honest(
    'N16c',
    'sub-agents that read the same documents, each for its own task',
    times(6, (agent) => {
      const more = { runId: `agent-${agent}`, parentRunId: 'run' };
      return [
        ...times(12, (i) => call('read_file', { path: `docs/${i}.md` }, freshText(i, 60), more)),
        ...times(3, (i) => call('read_file', { path: `src/${agent}-${i}.ts` }, freshText(60 + agent * 3 + i, 60), more)),
      ];
    }),
  ),
  honest(
    'N16d',
    'addresses of which most are not valid',
    times(16, (i) => call('validate_address', { address: freshText(i, 1) }, i % 5 === 4 ? 'valid' : 'invalid')),
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
