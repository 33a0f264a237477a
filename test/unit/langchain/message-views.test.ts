import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { describe, expect, it } from 'vitest';
import { messageViews } from '../../../integrations/langchain/message-views.ts';

const history = () => [
  new SystemMessage('Be brief.'),
  new HumanMessage('Look around.'),
  new AIMessage({ content: '', tool_calls: [{ name: 'look', args: { at: 1 }, id: 'c1', type: 'tool_call' }] }),
  new ToolMessage({ content: 'A room.', tool_call_id: 'c1' }),
];
const textsOf = (messages: Parameters<typeof messageViews>[0]) => messageViews(messages).map(({ text }) => text);

describe('the views of a history', () => {
  it('are the same ones at every call, for as long as the messages are the same', () => {
    const messages = history();
    const first = messageViews(messages);
    const longer = messageViews([...messages, new AIMessage('A room.')]);
    expect(longer.slice(0, 4).every((view, at) => view === first[at])).toBe(true);
    expect(longer).toHaveLength(5);
  });

  it('show what a message carries now, when its content or its tool calls were put in anew', () => {
    const messages = history();
    messageViews(messages);
    messages[1]!.content = 'Look around, and under the bed.';
    (messages[2] as AIMessage).tool_calls = [{ name: 'search', args: {}, id: 'c1', type: 'tool_call' }];
    const views = messageViews(messages);
    expect(views[1]!.text).toBe('Look around, and under the bed.');
    expect(views[2]!.toolCalls?.[0]?.name).toBe('search');
  });

  it('follow a history that was cut, put in another order, or went another way from the same beginning', () => {
    const messages = history();
    messageViews(messages);
    const [system, human, asked, told] = messages as [SystemMessage, HumanMessage, AIMessage, ToolMessage];
    expect(textsOf([system, human])).toEqual(['Be brief.', 'Look around.']);
    expect(textsOf([system, human, new AIMessage('Nothing.')])).toEqual(['Be brief.', 'Look around.', 'Nothing.']);
    expect(textsOf([human, told, asked])).toEqual(['Look around.', 'A room.', '']);
    expect(textsOf([])).toEqual([]);
  });
});
