import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MessageView, ModelCall } from '../../src/core/step.ts';
import { createMeter } from '../../src/meter/create-meter.ts';

/** A message as a host keeps it, and may change in place. */
interface HostMessage {
  text: string;
  name?: string;
  calls?: { name: string; args: unknown }[];
  file?: string;
}

type Change =
  | { readonly kind: 'add'; readonly message: HostMessage }
  | { readonly kind: 'rewrite'; readonly at: number; readonly text: string }
  | { readonly kind: 'rename'; readonly at: number; readonly name: string }
  | { readonly kind: 'drop' | 'recall'; readonly at: number }
  | { readonly kind: 'tools'; readonly count: number };

/** How a host hands its messages over: views of its own objects, views without them, or all of it written to JSON and read again. */
type Manner = 'with objects' | 'without objects' | 'through JSON';

const word = fc.constantFrom('alpha', 'Beta', '漢字', 'naïve', ' gamma', '\n\n', '42', '😀', '\ud800');
/** Texts of every size, many of which differ from another in one place only. */
const text = fc.tuple(fc.array(word, { maxLength: 6 }), fc.nat(60), fc.nat(2_000)).map(([words, times, at]) => {
  const long = words.join('').repeat(times);
  return at < long.length ? `${long.slice(0, at)}#${long.slice(at + 1)}` : long;
});
const message: fc.Arbitrary<HostMessage> = fc.record(
  {
    text,
    name: fc.constantFrom('find', 'read'),
    calls: fc.array(fc.record({ name: fc.constantFrom('find', 'read'), args: fc.record({ query: text }) }), { maxLength: 3 }),
    file: text,
  },
  { requiredKeys: ['text'] },
);
const at = fc.nat(20);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), message }) },
  fc.record({ kind: fc.constant('rewrite' as const), at, text }),
  fc.record({ kind: fc.constant('rename' as const), at, name: fc.constantFrom('find', 'read', 'write') }),
  fc.record({ kind: fc.constantFrom('drop' as const, 'recall' as const), at }),
  fc.record({ kind: fc.constant('tools' as const), count: fc.nat(3) }),
);

function apply(history: HostMessage[], one: Change): void {
  if (one.kind === 'add') history.push(one.message);
  if (one.kind === 'tools' || one.kind === 'add' || history.length === 0) return;
  const index = one.at % history.length;
  const changed = history[index]!;
  if (one.kind === 'rewrite') changed.text = one.text;
  if (one.kind === 'rename') changed.name = one.name;
  if (one.kind === 'drop') history.splice(index, 1);
  if (one.kind === 'recall') changed.calls = [{ name: 'find', args: { query: `again ${index}` } }];
}

const viewOf = (host: HostMessage): MessageView => ({
  role: 'user',
  text: host.text,
  ...(host.name === undefined ? {} : { name: host.name }),
  ...(host.calls === undefined ? {} : { toolCalls: host.calls }),
  ...(host.file === undefined ? {} : { media: [{ kind: 'file', text: host.file }] }),
});

function handedOver(history: readonly HostMessage[], manner: Manner): MessageView[] {
  if (manner === 'with objects') return history.map((host) => ({ ...viewOf(host), ref: host }));
  const views = history.map(viewOf);
  return manner === 'through JSON' ? (JSON.parse(JSON.stringify(views)) as MessageView[]) : views;
}

test('what is remembered of a history is never wrong, whatever is done to it and however it is handed over', async () => {
  const manner = fc.constantFrom<Manner>('with objects', 'without objects', 'through JSON');
  const model = fc.constantFrom('gpt-4o', 'gpt-4', 'claude-sonnet-4-5', 'house-1');
  const tokenizers = { 'house-*': (part: string) => part.length + 1 };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(change, manner, model), { minLength: 1, maxLength: 25 }), async (steps) => {
      const meter = createMeter({ margin: 0, tokenizers });
      const history: HostMessage[] = [];
      let tools: readonly unknown[] = [];
      for (const [one, how, name] of steps) {
        apply(history, one);
        if (one.kind === 'tools') tools = Array.from({ length: one.count }, (_, index) => ({ name: `tool ${index}`, parameters: {} }));
        const call = (): ModelCall => ({ kind: 'model', model: name, messages: handedOver(history, how), tools });
        // A fresh meter knows nothing, so it counts everything.
        expect(await meter.count(call())).toEqual(await createMeter({ margin: 0, tokenizers }).count(call()));
      }
    }),
    { seed: 61, numRuns: 150 },
  );
});
