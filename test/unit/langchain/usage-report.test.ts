import { AIMessage } from '@langchain/core/messages';
import { describe, expect, it } from 'vitest';
import { modelResult } from '../../../integrations/langchain/step-result.ts';
import { tokenPieces } from '../../../integrations/langchain/stream-pieces.ts';
import { usageReport } from '../../../integrations/langchain/usage-report.ts';

const message = (usage_metadata: object | undefined, response_metadata: object = {}): AIMessage =>
  new AIMessage({ content: 'hi', response_metadata, ...(usage_metadata ? { usage_metadata: usage_metadata as never } : {}) });

describe('the usage of an answer of LangChain', () => {
  it('is that of its metadata, with all its parts', () => {
    const told = message({
      input_tokens: 100,
      output_tokens: 50,
      total_tokens: 150,
      input_token_details: { cache_read: 40, cache_creation: 10, audio: 5 },
      output_token_details: { reasoning: 20, audio: 1 },
    });
    expect(usageReport({ message: told })).toEqual({
      inputTokens: 100,
      outputTokens: 50,
      cachedInputTokens: 40,
      cacheWriteTokens: 10,
      audioInputTokens: 5,
      reasoningTokens: 20,
      audioOutputTokens: 1,
    });
  });

  it('has the thoughts that only the total tells of, as Google does', () => {
    expect(usageReport({ message: message({ input_tokens: 100, output_tokens: 50, total_tokens: 450 }) })).toMatchObject({
      inputTokens: 100,
      outputTokens: 350,
    });
  });

  it('has the cost that the provider names among its own figures', () => {
    const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, cost: 0.0025 };
    expect(usageReport({ message: message({ input_tokens: 100, output_tokens: 50, total_tokens: 150 }, { usage }) })).toEqual({
      inputTokens: 100,
      outputTokens: 50,
      usd: 0.0025,
    });
  });

  it('is that of the provider where the metadata leaves out a zero, and that of the callback where nothing else is', () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    expect(usageReport({ message: message(undefined, { usage }) })).toEqual({ inputTokens: 0, outputTokens: 0 });
    const llmOutput = { tokenUsage: { promptTokens: 7, completionTokens: 3, totalTokens: 10 } };
    expect(usageReport({ message: message(undefined), llmOutput })).toEqual({ inputTokens: 7, outputTokens: 3 });
    expect(usageReport({ message: message(undefined) })).toBeUndefined();
  });

  it('that cannot be is told as one, so that the hold is booked and the answer kept', () => {
    const told = message({ input_tokens: -5, output_tokens: 50, total_tokens: 45 });
    expect(usageReport({ message: told })).toEqual({ inputTokens: Number.NaN });
  });
});

describe('thinking beside the content, as DeepSeek sends it', () => {
  const thought = new AIMessage({ content: '', additional_kwargs: { reasoning_content: 'Let me see.' } });

  it('is told with the answer', () => {
    expect(modelResult(thought)).toMatchObject({ thinking: 'Let me see.', text: '' });
  });

  it('is heard while it streams', () => {
    expect([...tokenPieces('', { message: thought })]).toEqual([{ delta: 'Let me see.', channel: 'thinking' }]);
  });
});
