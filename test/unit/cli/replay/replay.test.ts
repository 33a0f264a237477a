import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replay } from '../../../../integrations/cli/replay/command.ts';
import { capturedIo } from '../../../support/captured-io.ts';

interface Line {
  readonly id: string;
  readonly steps: number;
  readonly haltedAt: number | null;
  readonly cause: string | null;
  readonly verdicts: readonly { readonly step: number; readonly level: string; readonly kind: string; readonly reason: string }[];
  readonly tokens: { readonly total: number | null; readonly saved: number | null };
  readonly usd: { readonly total: number | null; readonly saved: number | null };
  readonly estimated: boolean;
}

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-replay-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, content: string | Buffer): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

async function run(...args: readonly string[]) {
  const { io, out, err } = capturedIo();
  const code = await replay.run(args, io);
  return {
    code,
    out: out(),
    err: err(),
    lines: () =>
      out()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
  };
}

const toolStep = (turn: number, result: string, more = {}) => ({
  kind: 'tool',
  name: 'look',
  args: { at: 'here' },
  result,
  turn,
  text: 'I look.',
  ...more,
});
const trace = (id: string, steps: readonly unknown[], more = {}) => JSON.stringify({ id, steps, ...more });
const looping = trace(
  'loop',
  Array.from({ length: 12 }, (_, turn) => toolStep(turn, 'nothing changes')),
);
const calm = trace(
  'calm',
  ['one thing', 'another one', 'a third'].map((result, turn) => toolStep(turn, result, { args: { at: turn } })),
);

const assistant = (id: string, name: string, args: string) => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
});
const chat = [
  { role: 'user', content: 'Find my order.' },
  ...Array.from({ length: 6 }, (_, i) => [
    assistant(`c${i}`, 'find_order', '{"id": 7}'),
    { role: 'tool', tool_call_id: `c${i}`, content: 'No order of that kind here.' },
  ]).flat(),
  { role: 'assistant', content: 'I cannot find it.' },
];

describe('holdfast replay --json', () => {
  test('prints one line a run: where a guard would have halted it, why, and what that saves', async () => {
    const { code, lines } = await run(put('runs.jsonl', `${looping}\n${calm}\n`), '--json');
    expect(code).toBe(3);
    const [loop, other] = lines();
    expect(loop).toMatchObject({ id: 'loop', steps: 12, haltedAt: 4, cause: 'loop', estimated: true });
    expect(loop?.verdicts.map(({ step, level, kind }) => [step, level, kind])).toEqual([
      [2, 'warn', 'repeat'],
      [4, 'halt', 'repeat'],
    ]);
    expect(loop?.tokens.saved).toBeGreaterThan(0);
    expect(loop?.tokens.saved).toBeLessThan(loop?.tokens.total ?? 0);
    expect(other).toMatchObject({ id: 'calm', steps: 3, haltedAt: null, cause: null, verdicts: [] });
    expect(other?.tokens.saved).toBe(0);
  });

  test('exits with 0 when nothing would have been halted', async () => {
    expect((await run(put('calm.jsonl', calm), '--json')).code).toBe(0);
  });

  test('says null for money without a price, and prices a model that it is told', async () => {
    const file = put('runs.jsonl', looping);
    expect((await run(file, '--json')).lines()[0]?.usd).toEqual({ total: null, saved: null });
    const priced = (await run(file, '--json', '--model', 'gpt-4o')).lines()[0];
    expect(priced?.usd.total).toBeGreaterThan(0);
    expect(priced?.usd.saved).toBeGreaterThan(0);
  });

  test('takes the tokens of a file where it has them', async () => {
    const steps = Array.from({ length: 3 }, (_, turn) =>
      toolStep(turn, `thing ${'abc'[turn]}`, { args: { turn }, tokensIn: 100, tokensOut: 10 }),
    );
    expect((await run(put('runs.jsonl', trace('real', steps)), '--json')).lines()[0]).toMatchObject({
      tokens: { total: 330, saved: 0 },
      estimated: false,
    });
  });

  test('halts by its limits too: 250 steps by default, a step being a model call or a tool call', async () => {
    const long = trace(
      'long',
      Array.from({ length: 200 }, (_, turn) => toolStep(turn, `a thing never seen ${turn.toString(36)}x`, { args: { turn } })),
    );
    const file = put('long.jsonl', long);
    expect((await run(file, '--json')).lines()[0]).toMatchObject({ haltedAt: 125, cause: 'budget' });
    expect((await run(file, '--json', '--steps', 'none')).lines()[0]).toMatchObject({ haltedAt: null, cause: null });
    expect((await run(file, '--json', '--tool-calls', '10')).lines()[0]).toMatchObject({ haltedAt: 10, cause: 'budget' });
  });

  test('reads packed files, and several at once', async () => {
    const { lines } = await run(put('a.jsonl.gz', gzipSync(`${looping}\n`)), put('b.jsonl', calm), '--json');
    expect(lines().map(({ id }) => id)).toEqual(['loop', 'calm']);
  });

  test('tells of lines that it cannot read, by file and line, and goes on', async () => {
    const file = put('runs.jsonl', `${calm}\n{ not json\n42\n\n${looping}\n`);
    const { code, err, lines } = await run(file, '--json');
    expect(lines().map(({ id }) => id)).toEqual(['calm', 'loop']);
    expect(err).toContain(`${file}:2: is not JSON`);
    expect(err).toContain(`${file}:3: is no recorded run`);
    expect(err).toContain('2 places could not be read');
    expect(code).toBe(3);
  });

  test('tells of a torn first line, and goes on', async () => {
    const file = put('runs.jsonl', `{"id": "torn", "steps": [{"kin\n${calm}\n${looping}\n`);
    const { err, lines } = await run(file, '--json');
    expect(lines().map(({ id }) => id)).toEqual(['calm', 'loop']);
    expect(err).toContain(`${file}:1: is not JSON`);
  });

  test('fails when nothing could be read', async () => {
    expect((await run(put('empty.jsonl', ''))).code).toBe(1);
    const missing = await run(join(folder, 'missing.jsonl'));
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('missing.jsonl');
    expect((await run(put('broken.jsonl.gz', 'this was never packed'))).code).toBe(1);
  });

  test('carries no content of a run', async () => {
    const secret = trace(
      's',
      Array.from({ length: 6 }, (_, turn) => toolStep(turn, 'TOP-SECRET-RESULT', { args: { password: 'TOP-SECRET-ARGS' } })),
    );
    const { out } = await run(put('runs.jsonl', secret), '--json');
    expect(out).not.toContain('TOP-SECRET');
  });
});

describe('a chat transcript', () => {
  test('is read as one file, pretty or not, and judged call by call', async () => {
    const oneMessageALine = `[${chat.map((message) => JSON.stringify(message)).join(',\n')}]`;
    for (const text of [
      JSON.stringify(chat),
      JSON.stringify(chat, null, 2),
      oneMessageALine,
      JSON.stringify({ id: 'x', messages: chat }),
    ]) {
      const [line] = (await run(put('chat.json', text), '--json')).lines();
      expect(line).toMatchObject({ steps: 7, haltedAt: 4, cause: 'loop' });
    }
  });

  test('is read with one message a line', async () => {
    expect((await run(put('chat.jsonl', chat.map((message) => JSON.stringify(message)).join('\n')), '--json')).lines()).toMatchObject([
      { steps: 7, haltedAt: 4 },
    ]);
  });

  test('is read with content blocks', async () => {
    const blocks = Array.from({ length: 6 }, (_, i) => [
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Looking.' },
          { type: 'tool_use', id: `t${i}`, name: 'find', input: { id: 7 } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: `t${i}`, content: [{ type: 'text', text: 'nothing of that kind' }] }] },
    ]).flat();
    expect((await run(put('chat.json', JSON.stringify(blocks)), '--json')).lines()[0]).toMatchObject({ steps: 6, haltedAt: 4 });
  });

  test('counts calls that were asked for at once as one round', async () => {
    const fanned = [
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        tool_calls: Array.from({ length: 9 }, (_, i) => ({ id: `p${i}`, function: { name: 'look', arguments: '{}' } })),
      },
      ...Array.from({ length: 9 }, (_, i) => ({ role: 'tool', tool_call_id: `p${i}`, content: 'the same' })),
    ];
    expect((await run(put('chat.json', JSON.stringify(fanned)), '--json')).lines()[0]).toMatchObject({ steps: 9, verdicts: [] });
  });
});

describe('OpenTelemetry spans', () => {
  const attribute = (key: string, value: string | number) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  });
  const span = (index: number, attributes: readonly unknown[]) => ({
    traceId: 'abc',
    spanId: `s${index}`,
    startTimeUnixNano: String(1e18 + index * 1e9),
    endTimeUnixNano: String(1e18 + index * 1e9 + 5e8),
    attributes,
  });
  const spans = (withContent: boolean) =>
    Array.from({ length: 6 }, (_, i) => [
      span(i * 2, [
        attribute('gen_ai.operation.name', 'chat'),
        attribute('gen_ai.request.model', 'gpt-4o'),
        attribute('gen_ai.usage.input_tokens', 100),
        attribute('gen_ai.usage.output_tokens', 10),
      ]),
      span(i * 2 + 1, [
        attribute('gen_ai.operation.name', 'execute_tool'),
        attribute('gen_ai.tool.name', 'look'),
        ...(withContent
          ? [attribute('gen_ai.tool.call.arguments', '{"at":1}'), attribute('gen_ai.tool.call.result', 'nothing changes')]
          : []),
      ]),
    ]).flat();
  const exported = (withContent: boolean) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: spans(withContent) }] }] });

  test('become one run a trace, with real tokens and a price', async () => {
    const [line] = (await run(put('spans.json', exported(true)), '--json')).lines();
    expect(line).toMatchObject({ id: 'abc', steps: 6, haltedAt: 4, tokens: { total: 660, saved: 110 }, estimated: false });
    expect(line?.usd.total).toBeGreaterThan(0);
  });

  test('without content are never taken for repeats', async () => {
    expect((await run(put('spans.json', exported(false)), '--json')).lines()[0]).toMatchObject({ steps: 6, verdicts: [] });
  });
});

describe('holdfast replay for people', () => {
  test('shows each run with a verdict as a strip with its laps, and what each preset would have done', async () => {
    const { out } = await run(put('runs.jsonl', `${looping}\n${calm}\n`));
    expect(out).toContain('loop  12 steps, halted at 4 as a loop; saved 7 steps');
    expect(out).toMatch(/0 {2}12w4H·+/);
    expect(out).not.toContain('calm');
    expect(out).toContain('2 runs, 15 steps');
    for (const preset of ['gentle', 'standard *', 'strict']) expect(out).toContain(preset);
    expect(out).toContain('estimated from lengths');
  });

  test('shows every run when asked, without control characters of their names', async () => {
    const { out } = await run(put('runs.jsonl', trace('evil\u001B[2Jname', [toolStep(0, 'x y')])), '--all');
    expect(out).toContain('not halted');
    expect(out).not.toContain('\u001B');
  });

  test('takes tool policies from a file, and refuses them in the words of the guard', async () => {
    const runs = put('runs.jsonl', looping);
    const policies = put('tools.json', JSON.stringify({ look: { loopKey: false } }));
    expect((await run(runs, '--json', '--tools', policies)).lines()[0]).toMatchObject({ haltedAt: null });
    const refused = await run(runs, '--tools', put('bad.json', JSON.stringify({ look: { pol: true } })));
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/--tools .*bad\.json cannot be used: .*tools\.look: there is no option "pol"/s);
    expect((await run(runs, '--tools', join(folder, 'none.json'))).code).toBe(2);
  });

  test.each([[[]], [['a.jsonl', '--loops', 'hard']], [['a.jsonl', '--steps', '-1']], [['a.jsonl', '--nonsense']]])(
    'refuses %j',
    async (args) => {
      const { code, err } = await run(...args);
      expect(code).toBe(2);
      expect(err).toMatch(/^holdfast replay: /);
    },
  );

  test('stops when it is interrupted', async () => {
    const stop = new AbortController();
    stop.abort(new Error('interrupted'));
    await expect(replay.run([put('runs.jsonl', looping)], capturedIo({ signal: stop.signal }).io)).rejects.toThrow('interrupted');
  });

  test('shows its progress on a terminal only', async () => {
    const file = put('runs.jsonl', `${looping}\n`.repeat(50));
    const watched = capturedIo({ isErrTerminal: true });
    await replay.run([file, '--json'], watched.io);
    expect(watched.err()).toContain('%');
    expect((await run(file, '--json')).err).toBe('');
  });
});

describe('at the edges', () => {
  test('a call is answered by the next result of its id, where ids come again', async () => {
    const turns = Array.from({ length: 12 }, (_, turn) => [
      assistant('call_0', 'look', '{"at":"here"}'),
      { role: 'tool', tool_call_id: 'call_0', content: `page ${turn}: ${'abcdefghijkl'.slice(turn)}` },
    ]);
    const file = put('ids.json', JSON.stringify([{ role: 'user', content: 'Read on.' }, ...turns.flat()]));
    const [line] = (await run(file, '--json')).lines();
    expect(line).toMatchObject({ steps: 12, haltedAt: null, verdicts: [] });
  });

  test('a budget saves the step that it refuses, in the timeline as in the table', async () => {
    const { out, code } = await run(put('calm.jsonl', calm), '--tool-calls', '1');
    expect(code).toBe(3);
    expect(out).toContain('halted at 1 by its budget (toolCalls); saved 2 steps');
    expect(out).toMatch(/standard \*\s+0\s+0\s+1\s+2\s/);
  });

  test('a figure that is missing makes the sum an estimate', async () => {
    const file = put('half.jsonl', trace('half', [toolStep(0, 'a', { tokensIn: 100 }), toolStep(1, 'b', { tokensIn: 200, tokensOut: 5 })]));
    expect((await run(file, '--json')).lines()[0]).toMatchObject({ estimated: true });
  });

  test('a packed file that is broken off is told, and what came before it is read', async () => {
    const packed = gzipSync(`${calm}\n${looping}\n`.repeat(50));
    const { code, err } = await run(put('torn.jsonl.gz', packed.subarray(0, packed.length - 40)), put('calm.jsonl', calm), '--json');
    expect(err).toContain('torn.jsonl.gz: ');
    expect(code).not.toBe(1);
  });

  test('one export may hold very many spans', async () => {
    const span = (at: number) => ({
      traceId: 't',
      spanId: `s${at}`,
      startTimeUnixNano: String(at),
      endTimeUnixNano: String(at),
      attributes: [{ key: 'gen_ai.operation.name', value: { stringValue: 'execute_tool' } }],
    });
    const spans = Array.from({ length: 200_000 }, (_, at) => span(at));
    const file = put('spans.json', JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect((await run(file, '--json', '--steps', 'none', '--loops', 'off')).lines()[0]).toMatchObject({ steps: 200_000 });
  });

  test('a file that is not there is told in words', async () => {
    const { code, err } = await run(join(folder, 'none.jsonl'));
    expect(code).toBe(1);
    expect(err).toContain('none.jsonl: there is no such file');
  });

  test('one step is a step', async () => {
    expect((await run(put('one.jsonl', trace('one', [toolStep(0, 'a')])))).out).toContain('1 run, 1 step,');
  });
});
