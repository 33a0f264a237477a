import { loopsOfTalk } from './loops-of-talk.ts';
import { call, fail, freshText, loop, times, type LoopCase, type ScriptStep } from './script.ts';

const page = freshText(1, 120);
const failingTest = 'FAIL src/cart.test.ts: expected 3 items, received 2';

/** Loops that repeat calls, exactly or nearly. */
const repeats: readonly LoopCase[] = [
  loop(
    'L1',
    'the same call with the same result',
    times(10, () => call('read_file', { path: 'a.ts' }, page)),
  ),
  loop(
    'L2',
    'the same call, and a result that differs in clocks, durations and process ids',
    times(10, (i) => call('run_tests', { suite: 'cart' }, `${failingTest} (12:04:${10 + i}) in ${31 + 7 * i}ms, pid ${4021 + 13 * i}`)),
  ),
  loop(
    'L2b',
    'the same failure under a request id that changes',
    times(10, (i) => fail('get_order', { id: 7 }, `Order not available. Request id: ${10_000 + 7919 * i}`)),
  ),
  loop(
    'L2c',
    'the same answer under a limit that counts down',
    times(12, (i) => call('act', { action: 'open the door' }, `The door is locked. You have ${40 - i} turns left.`)),
  ),
  loop(
    'L3',
    'the same call in other words of reasoning',
    times(10, (i) => call('grep', { pattern: 'foo', reason: `try number ${i}` }, 'src/a.ts:1: foo')),
  ),
  loop(
    'L3b',
    'the same call with its fields in another order and other outer spaces',
    times(10, (i) => call('list', i % 2 === 0 ? { path: '/src/', depth: 1 } : { depth: 1, path: ' /src' }, 'a.ts b.ts c.ts')),
  ),
  loop(
    'L3c',
    'the same command, described in other words and under other remarks',
    times(10, (i) => call('bash', { command: `# ${freshText(i, 4)}\nnpm test`, description: freshText(i + 30, 4) }, failingTest)),
  ),
  loop(
    'L3d',
    'the same order under a key and a count of its own each time',
    times(10, (i) =>
      call('charge', { amount: 10, idempotency_key: freshText(i, 1), attempt: i + 1 }, 'The card was declined by its bank.'),
    ),
  ),
  loop(
    'L4',
    'two calls in turns',
    times(10, () => [call('read_file', { path: 'a.ts' }, page), call('run_tests', {}, failingTest)]),
  ),
  loop(
    'L4b',
    'a round of seven calls',
    times(8, () => times(7, (i) => call('search', { query: `term ${'abcdefg'[i]}` }, `hits for ${'abcdefg'[i]}: none of use`))),
  ),
  loop(
    'L5',
    'a failing check again and again, with reading in between',
    times(14, (i) => [fail('run_tests', {}, failingTest), call('read_file', { path: `src/${freshText(i, 1)}.ts` }, freshText(i + 50, 60))]),
  ),
  loop(
    'L13',
    'the same round of parallel calls',
    times(10, () => ['a', 'b', 'c'].map((path, i) => call('read_file', { path }, `${page} ${path}`, { isSameRound: i > 0 }))),
  ),
  loop(
    'L13b',
    'parallel rounds with one member that never changes',
    times(14, (i) => [
      call('read_file', { path: 'README.md' }, page),
      call('read_file', { path: `src/file-${freshText(i, 1)}` }, freshText(i + 70, 60), { isSameRound: true }),
    ]),
  ),
  loop(
    'L15',
    'a status that never moves, asked without a pause',
    times(45, () => call('get_job_status', { id: 7 }, 'RUNNING, 10 % done')),
  ),
];

/** Loops whose calls differ and whose outcome does not. */
const outcomes: readonly LoopCase[] = [
  loop(
    'L6',
    'the same refusal for one id after the other',
    times(16, (i) => fail('get_customer', { id: 9000 + 17 * i }, `404: customer ${9000 + 17 * i} does not exist`)),
  ),
  loop(
    'L6b',
    'edits of a text that is not there, refused in polite words',
    times(14, (i) =>
      call(
        'str_replace',
        { path: 'src/cart.ts', old_str: freshText(i, 5), new_str: freshText(i + 30, 5) },
        'No replacement was performed, old_str did not appear verbatim in src/cart.ts.',
      ),
    ),
  ),
  loop(
    'L6c',
    'bodies that a schema refuses, without a flag',
    times(14, (i) => call('create_page', { title: freshText(i, 3) }, 'Input validation error: expected an object at "properties"')),
  ),
  loop(
    'L7',
    'the same hits for the same words in another order',
    times(12, (i) => call('grep', { pattern: ['a|b|c', 'b|a|c', 'c|b|a', 'b|c|a'][i % 4] + '|d'.repeat(i) }, page)),
  ),
  loop(
    'L7b',
    'searches without a match, each of which says what was asked',
    times(24, (i) => call('search_dir', { query: freshText(i, 2) }, `No matches found for "${freshText(i, 2)}" in the folder`)),
  ),
  loop(
    'L8',
    'one refusal over many tools',
    times(12, (i) =>
      fail(
        ['crm_get', 'crm_search', 'crm_list', 'crm_export'][i % 4] ?? '',
        { account: `abc-${i}` },
        `Permission denied for account abc-${i}`,
      ),
    ),
  ),
  loop('L9', 'a file read in ranges that come back on themselves', [
    ...times(10, (i) => range(i * 40, i * 40 + 39)),
    ...times(20, (i) => range((i * 37) % 360, ((i * 37) % 360) + 25 + i)),
  ]),
  loop(
    'L10',
    'a command that is appended to itself',
    times(12, (i) => call('bash', { command: times(i + 1, () => 'npm run build').join(' && ') }, `ok ${i}`)),
  ),
  loop(
    'L11',
    'a change made and taken back',
    times(8, () => [edit('on', 'off'), call('run_tests', {}, 'FAIL one'), edit('off', 'on'), call('run_tests', {}, 'FAIL two')]),
  ),
  loop(
    'L12',
    'one repair after the other, and the same failure',
    times(16, (i) => [edit(`guess ${i}`, `guess ${i + 1}`), fail('run_tests', {}, failingTest)]),
  ),
  loop(
    'L12b',
    'the same, where only the words tell of the failure',
    times(16, (i) => [
      edit(`guess ${i}`, `guess ${i + 1}`),
      call('bash', { command: 'pytest -q' }, `F\nE  assert 2 == 3\n1 failed in 0.${10 + i}s`),
    ]),
  ),
  loop(
    'L14',
    'thirty ways to ask, always the same hits',
    times(30, (i) => call('web_search', { query: `cheap ${freshText(i, 3)} tickets` }, page)),
  ),
  loop(
    'L14b',
    'thirty pages, all refused',
    times(30, (i) =>
      fail(
        'open_page',
        { url: `https://example.com/${freshText(i, 1)}` },
        `HTTP 403: access to https://example.com/${freshText(i, 1)} is forbidden`,
      ),
    ),
  ),
  loop(
    'L20',
    'a slow burn: new questions, nothing that was not known',
    times(30, (i) => call('search_notes', { query: freshText(i, 3) }, shuffled(page, i))),
  ),
  loop(
    'L21b',
    'the same of a tool that nobody knows, asked in other words each time',
    times(16, (i) => call('advise', { about: freshText(i, 8) }, 'More detail is needed. Please refine this and call advise again.')),
  ),
  loop('L20b', 'files that were read, cut out again piece by piece', [
    ...times(4, (i) => call('read_file', { path: `src/${i}.ts` }, freshText(i, 120))),
    ...times(36, (i) => {
      const from = (i * 7) % 80;
      const piece = freshText(i % 4, 120)
        .split(' ')
        .slice(from, from + 20 + (i % 9))
        .join(' ');
      return call('bash', { command: `sed -n '${from},${from + 20}p' src/${i % 4}.ts` }, piece);
    }),
  ]),
  loop(
    'L21',
    'a tool that asks to be called again',
    times(20, (i) =>
      call(
        'lookup',
        { query: `tickets to Rome refined ${'again '.repeat(i)}` },
        `Too broad. Refine the query and call lookup again. (${i})`,
      ),
    ),
  ),
];

function range(from: number, to: number): ScriptStep {
  const lines = times(to - from + 1, (i) => `${from + i}: ${freshText(from + i, 6)}`);
  return call('read_lines', { path: 'big.log', from, to }, lines.join('\n'));
}

function edit(from: string, to: string): ScriptStep {
  return call('edit_file', { path: 'src/cart.ts', from, to }, 'ok');
}

function shuffled(text: string, turn: number): string {
  const sentences = text.split(' ').reduce<string[][]>((parts, word, i) => {
    if (i % 12 === 0) parts.push([]);
    parts.at(-1)?.push(word);
    return parts;
  }, []);
  const at = turn % sentences.length;
  return [...sentences.slice(at), ...sentences.slice(0, at)]
    .slice(0, 8)
    .map((part) => part.join(' '))
    .join('. ');
}

/** Every kind of loop that a guard should see. */
export const loops: readonly LoopCase[] = [...repeats, ...outcomes, ...loopsOfTalk];
