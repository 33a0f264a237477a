import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import type { MessageView, ModelCall } from '../../../src/core/step.ts';
import { createMeter } from '../../../src/meter/create-meter.ts';
import type { InputCount } from '../../../src/meter/meter.ts';
import type { MeterOptions } from '../../../src/meter/options.ts';
import { countNow } from '../../../src/meter/tokens/count.ts';

const user = (text: string, more: Partial<MessageView> = {}): MessageView => ({ role: 'user', text, ...more });
const callOf = (messages: readonly MessageView[], more: Partial<ModelCall> = {}): ModelCall => ({
  kind: 'model',
  model: 'gpt-4o',
  messages,
  ...more,
});
const countOf = async (call: ModelCall, options: MeterOptions = { margin: 0 }): Promise<InputCount> => createMeter(options).count(call);
const tokens = (text: string): number => countNow(text, 'o200k_base');

describe('the count of a call to an OpenAI model', () => {
  test('plain messages: three for each, one for a name, three for the answer, as recorded bills show', async () => {
    const messages = [user('Hello'), user('Well met', { role: 'assistant', name: 'guide' })];
    const expected = 3 + (3 + tokens('Hello')) + (3 + tokens('Well met') + 1 + tokens('guide'));
    expect(await countOf(callOf(messages))).toEqual({ counted: expected, likely: expected, upper: expected });
  });

  test('a text alone counts as one message', async () => {
    expect((await countOf({ kind: 'model', model: 'gpt-4o', input: 'Hello' })).counted).toBe(3 + 3 + tokens('Hello'));
  });

  test('tools: held as their JSON and 16, expected as two thirds of it', async () => {
    const tools = [
      { type: 'function', function: { name: 'find', parameters: { type: 'object', properties: { query: { type: 'string' } } } } },
    ];
    const json = tokens(JSON.stringify(tools));
    const count = await countOf(callOf([user('Hi')], { tools }));
    expect(count.upper).toBe(3 + 3 + tokens('Hi') + json + 16);
    expect(count.likely).toBe(3 + 3 + Math.ceil(tokens('Hi') + (2 / 3) * json) + 16);
  });

  test('tool calls: name, arguments and eight for each, and 24 more when there are several', async () => {
    const one = { name: 'find', args: { query: 'cats' } };
    const two = { name: 'read', args: '{"id":7}' };
    const each = 8 + tokens('find') + tokens('{"query":"cats"}');
    const message = (toolCalls: MessageView['toolCalls']): MessageView =>
      user('', { role: 'assistant', ...(toolCalls ? { toolCalls } : {}) });
    expect((await countOf(callOf([message([one])]))).counted).toBe(6 + each);
    expect((await countOf(callOf([message([one, two])]))).counted).toBe(6 + each + 8 + tokens('read') + tokens('{"id":7}') + 24);
  });

  test('the schema of a structured answer is counted with the tools', async () => {
    const outputSchema = { type: 'object', properties: { answer: { type: 'string', description: 'the answer in one word' } } };
    expect((await countOf(callOf([user('Hi')], { outputSchema }))).upper).toBe(6 + tokens('Hi') + tokens(JSON.stringify(outputSchema)));
  });

  test('a picture costs its tiles whatever it weighs, the text of a file its tokens', async () => {
    const picture = await countOf(callOf([user('', { media: [{ kind: 'image', width: 1024, height: 1024, bytes: 5_000_000 }] })]));
    expect(picture.counted).toBe(6 + 765);
    const file = await countOf(callOf([user('', { media: [{ kind: 'file', text: 'a page of text', bytes: 99 }] })]));
    expect(file.counted).toBe(6 + tokens('a page of text'));
  });

  test('what the likely count leaves open, the upper one holds', async () => {
    const count = await countOf(callOf([user('', { media: [{ kind: 'image' }] })]));
    expect(count.likely).toBe(6 + 765);
    expect(count.upper).toBe(6 + 85 + 8 * 170);
  });
});

describe('other models', () => {
  test.each([
    ['gpt-4-turbo', 1, 0.02],
    ['gpt-35-turbo-16k', 1, 0.02],
    ['meta-llama/Llama-3.3-70B', 1.05, 0.15],
    ['gemini-2.5-pro', 1.12, 0.15],
    ['claude-sonnet-4-5', 1.35, 0.15],
    ['us.anthropic.claude-3-5-haiku-20241022-v1:0', 1.35, 0.15],
    ['claude-opus-4-7', 1.75, 0.15],
    ['anthropic/claude-opus-4.7', 1.75, 0.15],
    ['claude-sonnet-5', 1.75, 0.15],
    ['some-new-model', 1.5, 0.15],
  ])('%s: the text times %f, and a margin of %f', async (model, factor, margin) => {
    const text = 'The quick brown fox jumps over the lazy dog. '.repeat(40);
    const framing = (await countOf({ kind: 'model', model, messages: [] })).counted;
    const perMessage = (await countOf({ kind: 'model', model, messages: [user('')] })).counted - framing;
    const encoding = /gpt-(4-turbo|35)/.test(model) ? 'cl100k_base' : 'o200k_base';
    const count = await countOf(callOf([user(text)], { model }), {});
    expect(count.upper).toBe(Math.ceil((countNow(text, encoding) * factor + framing + perMessage) * (1 + margin)));
    expect(count.likely).toBeLessThan(count.upper);
  });

  test('a margin of the user wins over both', async () => {
    const call = callOf([user('word '.repeat(1_000))]);
    const [bare, wide] = [await countOf(call, { margin: 0 }), await countOf(call, { margin: 0.5 })];
    expect(wide.upper).toBe(Math.ceil(bare.upper * 1.5));
  });

  test('schemas are held at the factor of the family, as text is, and each tool has a frame', async () => {
    const [one, two] = [[{ name: 'find' }], [{ name: 'find' }, { name: 'read' }]];
    const counts = await Promise.all([one, two].map((tools) => countOf(callOf([], { model: 'gpt-5', tools }))));
    const json = [one, two].map((tools) => tokens(JSON.stringify(tools)));
    expect(counts.map(({ upper }) => upper)).toEqual([5 + 24 + 6 + json[0]!, 5 + 24 + 12 + json[1]!]);
    const claude = await countOf(callOf([], { model: 'claude-sonnet-4-5', tools: two }));
    expect(claude.upper).toBe(Math.ceil(json[1]! * 1.35 + 6 + 549 + 2 * 53));
  });

  test('Claude adds a prompt of its own once there are tools', async () => {
    const plain = await countOf(callOf([user('Hi')], { model: 'claude-sonnet-4-5' }));
    const withTool = await countOf(callOf([user('Hi')], { model: 'claude-sonnet-4-5', tools: [{ name: 'x' }] }));
    expect(withTool.likely - plain.likely).toBeGreaterThan(549);
  });
});

describe('what was counted is remembered', () => {
  const counting = (): { meter: ReturnType<typeof createMeter>; count: ReturnType<typeof vi.fn> } => {
    const count = vi.fn((text: string) => text.length);
    return { meter: createMeter({ margin: 0, tokenizers: { 'house-*': count } }), count };
  };
  const house = (messages: readonly MessageView[], more: Partial<ModelCall> = {}): ModelCall =>
    callOf(messages, { model: 'house-1', ...more });
  const long = (word: string): string => `${word} `.repeat(300);

  test('a message of the host is counted once, through however many views', async () => {
    const { meter, count } = counting();
    const ref = {};
    const first = await meter.count(house([user('short', { ref })]));
    const again = await meter.count(house([user('short', { ref }), user('new')]));
    expect(count.mock.calls.map(([text]) => text)).toEqual(['short', 'new']);
    expect(again.counted - first.counted).toBe(5 + 'new'.length);
  });

  test('a message that was given another text is counted anew', async () => {
    const { meter, count } = counting();
    const ref = {};
    await meter.count(house([user('before', { ref })]));
    expect((await meter.count(house([user('afterwards', { ref })]))).counted).toBe(
      (await createMeter({ margin: 0, tokenizers: { 'house-*': (text) => text.length } }).count(house([user('afterwards')]))).counted,
    );
    expect(count).toHaveBeenCalledTimes(2);
  });

  test('so is one with another tool call, and one with other arguments', async () => {
    const { meter, count } = counting();
    const ref = {};
    const args = { path: 'a' };
    await meter.count(house([user('', { ref, toolCalls: [{ name: 'read', args }] })]));
    const calls = count.mock.calls.length;
    await meter.count(house([user('', { ref, toolCalls: [{ name: 'read', args }] })]));
    expect(count).toHaveBeenCalledTimes(calls);
    await meter.count(house([user('', { ref, toolCalls: [{ name: 'read', args: { path: 'b' } }] })]));
    expect(count.mock.calls.length).toBeGreaterThan(calls);
  });

  test('so is one whose last tool call, or all of them, were taken away', async () => {
    const meter = createMeter({ margin: 0 });
    const ref = {};
    const [find, read] = [
      { name: 'find', args: { query: 'cats' } },
      { name: 'read', args: { path: 'a' } },
    ];
    for (const more of [{ toolCalls: [find, read] }, { toolCalls: [find] }, {}]) {
      const call = (): ModelCall => house([user('', { ref, ...more })]);
      expect(await meter.count(call())).toEqual(await createMeter({ margin: 0 }).count(call()));
    }
  });

  test('a long text that a framework cloned is recognised by its content', async () => {
    const { meter, count } = counting();
    await meter.count(house([user(long('alpha')), user(long('beta'))]));
    await meter.count(house([user(long('alpha')), user(long('beta')), user(long('gamma'))]));
    expect(count).toHaveBeenCalledTimes(3);
  });

  test('so is a history of tool calls that is written to JSON and read again at every turn', async () => {
    const { meter, count } = counting();
    const history: MessageView[] = [];
    let last = 0;
    for (let turn = 0; turn < 20; turn++) {
      history.push(user('', { role: 'assistant', toolCalls: [{ name: 'find', args: { query: `cats ${turn}` }, id: `c${turn}` }] }));
      history.push(user(long(`page${turn}`), { role: 'tool', name: 'find', toolCallId: `c${turn}` }));
      const { counted } = await meter.count(house(JSON.parse(JSON.stringify(history)) as MessageView[]));
      expect(counted).toBeGreaterThan(last);
      last = counted;
    }
    const fresh = await counting().meter.count(house(history));
    expect(last).toBe(fresh.counted);
    // Arguments and page of each turn, and the name of the tool, which stands twice in the first.
    expect(count).toHaveBeenCalledTimes(2 * 20 + 2);
  });

  test('tools are counted once while the host keeps them', async () => {
    const { meter, count } = counting();
    const tools = [{ name: 'read' }];
    await meter.count(house([], { tools }));
    await meter.count(house([], { tools }));
    expect(count).toHaveBeenCalledTimes(1);
  });

  test('a list of tools that begins as one that is known, and goes on otherwise, is counted anew', async () => {
    const meter = createMeter({ margin: 0 });
    const [read, write, find] = [{ name: 'read' }, { name: 'write', description: 'writes a file' }, { name: 'find' }];
    for (const tools of [[read], [read, write], [read, find], [read]]) {
      expect(await meter.count(house([], { tools }))).toEqual(await createMeter({ margin: 0 }).count(house([], { tools })));
    }
  });

  test('what a host cut from the end of a history is not kept alive', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const meter = createMeter();
    const first = user('hello', { ref: {} });
    const dropped = await (async (): Promise<WeakRef<object>> => {
      const args = { query: 'cats' };
      await meter.count(callOf([first, user('', { toolCalls: [{ name: 'find', args }] })]));
      return new WeakRef(args);
    })();
    await meter.count(callOf([first]));
    await nextTurn();
    collect();
    expect(dropped.deref()).toBeUndefined();
    expect((await meter.count(callOf([first]))).counted).toBe(6 + tokens('hello'));
  });

  test('the same schemas in new objects are not counted again, and their new objects are known from then on', async () => {
    const { meter, count } = counting();
    const schema = (): { written: number; toJSON(): unknown } => ({
      written: 0,
      toJSON() {
        this.written++;
        return { type: 'object', properties: { query: { type: 'string' } } };
      },
    });
    const [first, again] = [[schema()], [schema()]];
    const one = await meter.count(house([], { tools: first, outputSchema: schema() }));
    for (let turn = 0; turn < 5; turn++) {
      expect(await meter.count(house([], { tools: again, outputSchema: schema() }))).toEqual(one);
    }
    expect(count).toHaveBeenCalledTimes(2);
    expect(again[0]?.written).toBe(1);
  });

  test('two tokenizers do not share their counts', async () => {
    const meter = createMeter({ margin: 0, tokenizers: { one: () => 1_000, two: () => 2_000 } });
    const message = user(long('alpha'));
    const [one, two] = [await meter.count(callOf([message], { model: 'one' })), await meter.count(callOf([message], { model: 'two' }))];
    expect(two.counted - one.counted).toBe(1_000);
  });

  test('a turn of a long chat counts only what is new in it', async () => {
    const { meter, count } = counting();
    const history: MessageView[] = [];
    for (let turn = 0; turn < 100; turn++) {
      history.push(user(`question ${turn}`, { ref: {} }), user(`answer ${turn}`, { role: 'assistant', ref: {} }));
      await meter.count(house(history));
    }
    expect(count).toHaveBeenCalledTimes(200);
  });
});

describe('a tokenizer of the user', () => {
  test('the longest name that fits wins, and its count needs no factor', async () => {
    const tokenizers = { 'claude-*': () => 10, 'claude-opus-*': () => 20 };
    const options = { margin: 0, tokenizers };
    const bare = (await countOf(callOf([], { model: 'claude-opus-4-7' }), options)).counted;
    const count = await countOf(callOf([user('x')], { model: 'claude-opus-4-7' }), options);
    expect(count.counted - bare).toBe(2 + 20);
    expect(count.upper).toBe(count.counted);
  });

  const failing = (): number => {
    throw new Error('no');
  };

  test.each<[string, () => number]>([
    ['throws', failing],
    ['answers nonsense', () => Number.NaN],
    ['answers less than nothing', () => -4],
  ])('one that %s is told of, and the factor of the family stands in', async (_, tokenizer) => {
    const problems: unknown[] = [];
    const meter = createMeter({ margin: 0, tokenizers: { 'claude-*': tokenizer } }, { onProblem: (error) => problems.push(error) });
    const call = callOf([user('The quick brown fox')], { model: 'claude-sonnet-4-5' });
    expect((await meter.count(call)).upper).toBeGreaterThanOrEqual((await countOf(call)).upper);
    expect(problems.length).toBeGreaterThan(0);
  });

  test('one that answers later is told of with the remedy, and what becomes of its promise harms nobody', async () => {
    const problems: unknown[] = [];
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const later = (() => Promise.reject(new Error('down'))) as unknown as () => number;
      const meter = createMeter({ margin: 0, tokenizers: { house: later } }, { onProblem: (error) => problems.push(error) });
      await meter.count(callOf([user('words')], { model: 'house' }));
      await nextTurn();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
    expect(unhandled).not.toHaveBeenCalled();
    expect(problems.map(String)).toEqual([expect.stringContaining('at once')]);
  });

  test('the count endpoint of a provider counts the whole call', async () => {
    const countCall = vi.fn(async (call: ModelCall) => 40 + (call.messages?.length ?? 0));
    const count = await countOf(callOf([user('x')], { model: 'claude-sonnet-4-5' }), { tokenizers: { 'claude-*': { countCall } } });
    expect(count).toEqual({ counted: 41, likely: 41, upper: 42, byProvider: true });
  });

  test.each([
    ['fails', () => Promise.reject(new Error('503'))],
    ['hangs', () => new Promise<number>(() => {})],
    ['answers nonsense', () => Promise.resolve(0.5)],
  ])('an endpoint that %s is told of, and the local count stands in', async (_, countCall) => {
    const problems: unknown[] = [];
    const meter = createMeter({ tokenizers: { 'claude-*': { countCall, timeoutMs: 20 } } }, { onProblem: (error) => problems.push(error) });
    const call = callOf([user('Hello there')], { model: 'claude-sonnet-4-5' });
    expect(await meter.count(call)).toEqual(await countOf(call, {}));
    expect(problems).toHaveLength(1);
  });

  test('an aborted run ends the waiting with its own reason', async () => {
    const reason = new Error('run is over');
    const controller = new AbortController();
    const meter = createMeter({ tokenizers: { 'claude-*': { countCall: () => new Promise<number>(() => {}) } } });
    const pending = meter.count(callOf([user('x')], { model: 'claude-sonnet-4-5' }), controller);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
  });
});

describe('whatever a host hands over', () => {
  const cyclic: Record<string, unknown> = { name: 'loop' };
  cyclic['self'] = cyclic;
  const deep = Array.from({ length: 20_000 }).reduce<unknown>((inner) => [inner], 'x');
  const fail = (): never => {
    throw new Error('no');
  };
  const unreadable = Object.defineProperty({}, 'bad', { get: fail, enumerable: true });

  // Each points at all others: there are more paths through them than could ever be written.
  const tangled = Array.from({ length: 60 }, (): Record<string, unknown> => ({}));
  for (const node of tangled) for (const [index, other] of tangled.entries()) node[`to${index}`] = other;
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  test.each([
    ['a cycle', cyclic],
    ['objects that all point at each other', tangled[0]],
    ['a revoked proxy', revoked.proxy],
    ['a date that is none', new Date(Number.NaN)],
    ['a BigInt', { id: 10n }],
    ['a getter that throws', unreadable],
    ['a toJSON that throws', { toJSON: fail, kept: 'word' }],
    ['a nesting without end', deep],
    ['a function', () => 'x'],
    ['a symbol', Symbol('x')],
    ['nothing', undefined],
  ])('arguments that are %s are counted without an error', async (_, args) => {
    const count = await countOf(callOf([user('', { role: 'assistant', toolCalls: [{ name: 'find', args }] })]));
    expect(count.counted).toBeGreaterThanOrEqual(6 + 8 + tokens('find'));
  });

  test('beside a cycle an object that stands in two places is counted in both', async () => {
    const page = { title: 'The quick brown fox jumps over the lazy dog' };
    const args: Record<string, unknown> = { first: page, second: page };
    args['self'] = args;
    const count = await countOf(callOf([user('', { role: 'assistant', toolCalls: [{ name: 'find', args }] })]));
    expect(count.counted).toBe(6 + 8 + tokens('find') + tokens(JSON.stringify({ first: page, second: page, self: '[cycle]' })));
  });

  test.each([[undefined], [null], [42], [{ content: 'words' }], [['a', 'list']]])(
    'a text that is %j is counted as its JSON',
    async (text) => {
      const count = await countOf(callOf([user(text as unknown as string)]));
      expect(count.counted).toBe(6 + tokens(JSON.stringify(text) ?? ''));
    },
  );

  test('lone surrogates, NUL and what looks like special tokens are text', async () => {
    for (const text of ['\ud800', 'a\udc00b', '\0\0', '<|endoftext|><|im_start|>']) {
      expect((await countOf(callOf([user(text)]))).counted).toBe(6 + tokens(text));
      expect(tokens(text)).toBeGreaterThan(0);
    }
  });

  test.each<[string, unknown, string]>([
    ['no list of messages', { messages: 'words' }, 'messages: give a list, or leave it out, got string'],
    ['null for messages', { messages: null }, 'messages: give a list, or leave it out, got null'],
    ['a set of messages', { messages: new Set([user('x')]) }, 'messages: give a list, or leave it out, got object'],
    ['a message of nothing', { messages: [user('x'), null] }, 'messages[1]: give an object, got null'],
    ['a gap among the messages', { messages: Array.from({ length: 2 }) }, 'messages[0]: give an object, got undefined'],
    ['a bare text as a message', { messages: ['secret words'] }, 'messages[0]: give an object, got string'],
    ['a message that cannot be read', { messages: [Object.defineProperty({}, 'text', { get: fail })] }, 'messages[0].text: cannot be read'],
    ['tool calls of null', { messages: [user('', { toolCalls: null as never })] }, 'messages[0].toolCalls: give a list, or leave it out'],
    ['a tool call of nothing', { messages: [user('', { toolCalls: [null as never] })] }, 'messages[0].toolCalls[0]: give an object'],
    [
      'media of an unknown kind',
      { messages: [user('', { media: [{ kind: 'smell' } as never] })] },
      'messages[0].media[0].kind: give image',
    ],
    ['tools that are no list', { input: 'x', tools: {} }, 'tools: give a list, or leave it out, got object'],
    ['a number as the model', { input: 'x', model: 42 }, 'model: give the name of a model, got number'],
  ])('%s is a typed error that names the place and the remedy, and no words of the user', async (_, part, message) => {
    const call = { kind: 'model', model: 'gpt-4o', ...(part as object) } as ModelCall;
    const countings = [() => createMeter().count(call), () => createMeter().count({ ...call, input: 'long '.repeat(10_000) })];
    for (const counting of countings) {
      const error = await Promise.resolve()
        .then(counting)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(String(error)).toContain(message);
      expect(String(error)).not.toContain('secret');
    }
  });

  test('a message of a hundred million characters holds no turn of the event loop, and its count ends with the run', async () => {
    const meter = createMeter();
    await meter.count(callOf([user('warm')]));
    const reason = new Error('run is over');
    const controller = new AbortController();
    const pending = meter.count(callOf([user('abcdefg '.repeat(12_500_000))]), controller);
    let turns = 0;
    const tick = (): void => {
      if (++turns < 20) setImmediate(tick);
      else controller.abort(reason);
    };
    setImmediate(tick);
    await expect(pending).rejects.toBe(reason);
    expect(turns).toBe(20);
  });

  test('a media size that cannot be one is as good as none', async () => {
    const known = await countOf(callOf([user('', { media: [{ kind: 'image' }, { kind: 'audio' }, { kind: 'file' }] })]));
    const odd = await countOf(
      callOf([
        user('', {
          media: [
            { kind: 'image', width: Number.NaN, height: -1 },
            { kind: 'audio', seconds: -3 },
            { kind: 'file', pages: Number.POSITIVE_INFINITY },
          ],
        }),
      ]),
    );
    expect(odd).toEqual(known);
    expect(known.likely).toBeGreaterThan(1_000);
  });
});

describe('long calls', () => {
  test('give the event loop back while they are counted', async () => {
    const meter = createMeter();
    await meter.count(callOf([user('warm')]));
    let turns = 0;
    const ticking = setInterval(() => turns++, 0);
    const count = await meter.count(callOf([user('some words of a long text '.repeat(40_000))]));
    clearInterval(ticking);
    expect(count.counted).toBeGreaterThan(200_000);
    expect(turns).toBeGreaterThan(0);
  });

  test('end with the reason of the signal', async () => {
    const reason = new Error('run is over');
    const controller = new AbortController();
    const pending = createMeter().count(callOf([user('some words of a long text '.repeat(100_000))]), controller);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
  });

  test('short calls answer at once when the vocabulary is loaded', async () => {
    const meter = createMeter();
    await meter.count(callOf([user('load')]));
    expect(meter.count(callOf([user('short')]))).not.toBeInstanceOf(Promise);
  });
});
