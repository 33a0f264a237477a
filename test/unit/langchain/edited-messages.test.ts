import { FakeListChatModel } from '@langchain/core/utils/testing';
import { AIMessage, HumanMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import { createGuard } from 'holdfast';
import { guardModel } from 'holdfast/langchain';
import { expect, it } from 'vitest';

class Listening extends FakeListChatModel {
  heard: BaseMessage[] = [];

  override _generate(...args: Parameters<FakeListChatModel['_generate']>): ReturnType<FakeListChatModel['_generate']> {
    [this.heard] = args;
    return super._generate(...args);
  }
}

const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const long = { type: 'text', text: 'word '.repeat(2_000) };

it.each([
  ['a person', [new HumanMessage({ content: [picture, long, { type: 'text', text: 'and more' }] })]],
  [
    'a tool',
    [
      new HumanMessage('Look.'),
      new AIMessage({ content: '', tool_calls: [{ name: 'look', args: {}, id: 'c1', type: 'tool_call' }] }),
      new ToolMessage({ content: [picture, long, { type: 'text', text: 'and more' }], tool_call_id: 'c1' }),
    ],
  ],
])('a message of %s that is shortened keeps its picture, in its place', async (_who, messages) => {
  const guard = createGuard({ input: { maxTokens: 1_200, onExcess: 'trim' } });
  const model = new Listening({ responses: ['Rain.'] });
  await guardModel(model, guard).invoke(messages);
  expect(model.heard.at(-1)?.content).toEqual([picture, { type: 'text', text: expect.stringContaining('characters left out') as string }]);
  await guard.close();
});

it('a model that cannot be built as the offer wants it leaves no hold behind', async () => {
  const refusing = Object.assign(new FakeListChatModel({ responses: ['Rain.'] }), {
    bindTools: () => {
      throw new Error('no tools here');
    },
  });
  const other = { name: 'other', instance: refusing };
  const guard = createGuard({
    budgets: { session: { tokens: 100_000 } },
    ladder: [{ name: 'swap', at: 0, offer: () => ({ kind: 'edits', edits: { model: other } }) }],
  });
  const asked = new Listening({ responses: ['Rain.'] }).withConfig({ tools: [] } as object);
  await guard.run({ scopes: { session: 's1' } }, async () => {
    await expect(guardModel(asked as never as Listening, guard).invoke('Look.')).rejects.toThrow('no tools here');
  });
  expect(await guard.read('session', 's1')).toMatchObject({ held: { tokens: 0 }, used: { modelCalls: 0 } });
  await guard.close();
});
