import { RemoveMessage, type AIMessage, type BaseMessage } from '@langchain/core/messages';

/** LangGraph's word for all messages of a thread. */
const ALL_MESSAGES = '__remove_all__';

/**
 * The model's answer as an update that writes the whole thread anew, so that a gap that was closed for this call is closed
 * in the checkpoint too. A message can only be appended or replaced, not inserted.
 */
export async function repairedThread(messages: readonly BaseMessage[], answer: AIMessage): Promise<unknown> {
  try {
    const { Command } = await import('@langchain/langgraph');
    return new Command({ update: { messages: [new RemoveMessage({ id: ALL_MESSAGES }), ...messages, answer] } });
  } catch {
    // Without LangGraph at hand the gap is closed again with every call.
    return answer;
  }
}
