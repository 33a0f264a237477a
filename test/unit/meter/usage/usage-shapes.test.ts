import { describe, expect, test } from 'vitest';
import { GuardError } from '../../../../src/core/errors.ts';
import { InvalidUsageError } from '../../../../src/meter/usage/invalid-usage-error.ts';
import { usageFrom } from '../../../../src/meter/usage/usage-shapes.ts';

describe('each provider and host is read in its own words', () => {
  test.each([
    [
      'OpenAI completions: cache and reasoning inside',
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 40, audio_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 5 },
      },
      { inputTokens: 100, cachedInputTokens: 40, audioInputTokens: 10, outputTokens: 50, reasoningTokens: 30, audioOutputTokens: 5 },
    ],
    [
      'OpenAI responses',
      { input_tokens: 100, input_tokens_details: { cached_tokens: 0 }, output_tokens: 50, output_tokens_details: { reasoning_tokens: 30 } },
      { inputTokens: 100, cachedInputTokens: 0, outputTokens: 50, reasoningTokens: 30 },
    ],
    [
      'Anthropic: cache reads and writes beside the input',
      {
        input_tokens: 20,
        cache_creation_input_tokens: 300,
        cache_read_input_tokens: 1_000,
        cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
        output_tokens: 7,
      },
      { inputTokens: 1_320, cachedInputTokens: 1_000, cacheWriteTokens: 300, longCacheWriteTokens: 200, outputTokens: 7 },
    ],
    ['Anthropic, end of a stream: only the output is told', { output_tokens: 7 }, { outputTokens: 7 }],
    [
      'Anthropic with nulls for what is not told',
      { input_tokens: 20, cache_read_input_tokens: null, cache_creation_input_tokens: null, output_tokens: 7 },
      { inputTokens: 20, outputTokens: 7 },
    ],
    [
      'Google: thoughts beside the candidates, tool results beside the prompt',
      {
        promptTokenCount: 100,
        toolUsePromptTokenCount: 10,
        cachedContentTokenCount: 60,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 300,
        totalTokenCount: 430,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 75 },
          { modality: 'AUDIO', tokenCount: 25 },
        ],
      },
      { inputTokens: 110, cachedInputTokens: 60, audioInputTokens: 25, outputTokens: 320, reasoningTokens: 300 },
    ],
    [
      'Google without candidates: the output is what the total leaves',
      { promptTokenCount: 100, totalTokenCount: 130 },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      'Bedrock: cache beside the input',
      { inputTokens: 10, outputTokens: 5, totalTokens: 115, cacheReadInputTokens: 90, cacheWriteInputTokens: 10 },
      { inputTokens: 110, cachedInputTokens: 90, cacheWriteTokens: 10, outputTokens: 5 },
    ],
    ['Ollama', { model: 'llama3', prompt_eval_count: 26, eval_count: 298 }, { inputTokens: 26, outputTokens: 298 }],
    [
      'LangChain usage_metadata',
      {
        input_tokens: 100,
        output_tokens: 50,
        total_tokens: 150,
        input_token_details: { cache_read: 40, cache_creation: 5, audio: 1 },
        output_token_details: { reasoning: 30, audio: 2 },
      },
      {
        inputTokens: 100,
        cachedInputTokens: 40,
        cacheWriteTokens: 5,
        audioInputTokens: 1,
        outputTokens: 50,
        reasoningTokens: 30,
        audioOutputTokens: 2,
      },
    ],
    ['LangChain tokenUsage', { promptTokens: 10, completionTokens: 5, totalTokens: 15 }, { inputTokens: 10, outputTokens: 5 }],
    [
      'AI SDK, details beside the sums',
      {
        inputTokens: 100,
        inputTokenDetails: { cacheReadTokens: 40, cacheWriteTokens: 5 },
        outputTokens: 50,
        outputTokenDetails: { reasoningTokens: 30 },
      },
      { inputTokens: 100, cachedInputTokens: 40, cacheWriteTokens: 5, outputTokens: 50, reasoningTokens: 30 },
    ],
    [
      'AI SDK, sums in objects',
      {
        inputTokens: { total: 100, noCache: 60, cacheRead: 40, cacheWrite: undefined },
        outputTokens: { total: 50, text: 20, reasoning: 30 },
      },
      { inputTokens: 100, cachedInputTokens: 40, outputTokens: 50, reasoningTokens: 30 },
    ],
    [
      'AI SDK, flat',
      { inputTokens: 100, cachedInputTokens: 40, outputTokens: 50, reasoningTokens: 30, totalTokens: 150 },
      { inputTokens: 100, cachedInputTokens: 40, outputTokens: 50, reasoningTokens: 30 },
    ],
    [
      'DeepSeek: cache hits',
      { prompt_tokens: 100, completion_tokens: 5, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
      { inputTokens: 100, cachedInputTokens: 64, outputTokens: 5 },
    ],
    [
      'xAI: reasoning beside the output, as the total shows',
      { prompt_tokens: 100, completion_tokens: 5, total_tokens: 205, completion_tokens_details: { reasoning_tokens: 100 } },
      { inputTokens: 100, outputTokens: 105, reasoningTokens: 100 },
    ],
    [
      'OpenRouter: the cost that it billed',
      { prompt_tokens: 10, completion_tokens: 5, cost: 0.0021 },
      { inputTokens: 10, outputTokens: 5, usd: 0.0021 },
    ],
    [
      'OpenRouter with a key of the caller: its fee and what the provider took',
      { prompt_tokens: 10, completion_tokens: 5, cost: 0.5, is_byok: true, cost_details: { upstream_inference_cost: 9.5 } },
      { inputTokens: 10, outputTokens: 5, usd: 10 },
    ],
    [
      'OpenRouter with a key of the caller, the provider’s part not told: the fee alone is not the cost',
      { prompt_tokens: 10, completion_tokens: 5, cost: 0, is_byok: true, cost_details: { upstream_inference_cost: null } },
      { inputTokens: 10, outputTokens: 5 },
    ],
    [
      'OpenRouter with a key of its own: the provider’s part is in the cost',
      { prompt_tokens: 10, completion_tokens: 5, cost: 0.5, is_byok: false, cost_details: { upstream_inference_cost: 0.5 } },
      { inputTokens: 10, outputTokens: 5, usd: 0.5 },
    ],
    [
      'Perplexity: the cost in its parts',
      { prompt_tokens: 8, completion_tokens: 439, total_tokens: 447, cost: { request_cost: 0.006, total_cost: 0.0126 } },
      { inputTokens: 8, outputTokens: 439, usd: 0.0126 },
    ],
    [
      'LiteLLM before Anthropic: its cache fields beside OpenAI’s, the cache inside the prompt',
      {
        prompt_tokens: 1_320,
        completion_tokens: 7,
        total_tokens: 1_327,
        prompt_tokens_details: { cached_tokens: 1_000 },
        cache_creation_input_tokens: 300,
        cache_read_input_tokens: 1_000,
      },
      { inputTokens: 1_320, cachedInputTokens: 1_000, cacheWriteTokens: 300, outputTokens: 7 },
    ],
    [
      'Moonshot: cached tokens beside the sums',
      { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105, cached_tokens: 64 },
      { inputTokens: 100, cachedInputTokens: 64, outputTokens: 5 },
    ],
    [
      'Google behind a gateway: thoughts are in the total alone',
      { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
      { inputTokens: 20, outputTokens: 603 },
    ],
    [
      'Google behind LangChain: so they are',
      { input_tokens: 20, output_tokens: 198, total_tokens: 623, input_token_details: { cache_read: 10 } },
      { inputTokens: 20, cachedInputTokens: 10, outputTokens: 603 },
    ],
    [
      'Bedrock behind LangChain: the total has the cache, the input has not',
      { input_tokens: 500, output_tokens: 5, total_tokens: 805, input_token_details: { cache_read: 200, cache_creation: 100 } },
      { inputTokens: 800, cachedInputTokens: 200, cacheWriteTokens: 100, outputTokens: 5 },
    ],
    [
      'xAI: reasoning beside the output is no cache, though it be as much as the cache',
      {
        prompt_tokens: 150,
        completion_tokens: 5,
        total_tokens: 255,
        prompt_tokens_details: { cached_tokens: 100 },
        completion_tokens_details: { reasoning_tokens: 100 },
      },
      { inputTokens: 150, cachedInputTokens: 100, outputTokens: 105, reasoningTokens: 100 },
    ],
    [
      'Google without candidates, what is left being as much as the cache',
      { promptTokenCount: 100, cachedContentTokenCount: 30, totalTokenCount: 130 },
      { inputTokens: 100, cachedInputTokens: 30, outputTokens: 30 },
    ],
    [
      'a total that is smaller than its parts says nothing',
      { prompt_tokens: 20, completion_tokens: 198, total_tokens: 100 },
      { inputTokens: 20, outputTokens: 198 },
    ],
    [
      'Google’s Interactions API',
      {
        total_input_tokens: 100,
        total_cached_tokens: 60,
        total_output_tokens: 20,
        total_thought_tokens: 300,
        total_tool_use_tokens: 10,
        total_tokens: 430,
      },
      { inputTokens: 110, cachedInputTokens: 60, outputTokens: 320, reasoningTokens: 300 },
    ],
    [
      'Anthropic: a summary of the history is billed beside the message',
      {
        input_tokens: 23_000,
        cache_read_input_tokens: 0,
        output_tokens: 1_000,
        iterations: [
          { type: 'compaction', input_tokens: 180_000, cache_read_input_tokens: 5_000, output_tokens: 3_500 },
          { type: 'message', input_tokens: 23_000, output_tokens: 1_000 },
        ],
      },
      { inputTokens: 208_000, cachedInputTokens: 5_000, outputTokens: 4_500 },
    ],
    [
      'Anthropic: of a message that is not told, what is beside it is not the whole',
      { cache_read_input_tokens: 0, iterations: [{ type: 'compaction', input_tokens: 5, output_tokens: 3 }] },
      { cachedInputTokens: 0 },
    ],
    [
      'Bedrock: cache writes that are kept for an hour',
      {
        inputTokens: 10,
        outputTokens: 5,
        totalTokens: 115,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 100,
        cacheDetails: [
          { ttl: '5m', inputTokens: 40 },
          { ttl: '1h', inputTokens: 60 },
        ],
      },
      { inputTokens: 110, cachedInputTokens: 0, cacheWriteTokens: 100, longCacheWriteTokens: 60, outputTokens: 5 },
    ],
    ['this package itself', { inputTokens: 10, outputTokens: 5, usd: 0 }, { inputTokens: 10, outputTokens: 5, usd: 0 }],
  ])('%s', (_, raw, expected) => {
    expect(usageFrom(raw)).toEqual(expected);
  });

  test.each([
    ['a response', { id: 'x', usage: { prompt_tokens: 1, completion_tokens: 2 } }],
    ['a stream event', { type: 'message_start', message: { usage: { input_tokens: 1, output_tokens: 2 } } }],
    ['a LangChain message', { content: 'hi', usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } }],
    ['a LangChain result', { llmOutput: { tokenUsage: { promptTokens: 1, completionTokens: 2 } } }],
    [
      'a Cohere response',
      { usage: { billed_units: { input_tokens: 1, output_tokens: 2 }, tokens: { input_tokens: 71, output_tokens: 9 } } },
    ],
    ['a Gemini response', { candidates: [], usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } }],
  ])('the usage is found inside %s', (_, raw) => {
    expect(usageFrom(raw)).toEqual({ inputTokens: 1, outputTokens: 2 });
  });
});

describe('missing, partial and zero are three things', () => {
  test.each([
    [undefined],
    [null],
    ['usage'],
    [{}],
    [{ usage: null }],
    [{ input_token_details: {}, output_token_details: {} }],
    [{ usage_metadata: { input_token_details: {}, output_token_details: {} } }],
    [{ promptTokens: Number.NaN, completionTokens: Number.NaN, totalTokens: Number.NaN }],
  ])('%j reports nothing', (raw) => {
    expect(usageFrom(raw)).toBeUndefined();
  });

  test('an explicit zero is zero', () => {
    expect(usageFrom({ input_tokens: 0, output_tokens: 0 })).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  test('what is not told stays unknown', () => {
    expect(usageFrom({ prompt_tokens: 12 })).toEqual({ inputTokens: 12 });
  });
});

describe('what cannot be true is refused with its facts', () => {
  test.each([
    [
      { prompt_tokens: -1, completion_tokens: 2 },
      { field: 'prompt_tokens', amount: -1 },
    ],
    [
      { prompt_tokens: 1.5, completion_tokens: 2 },
      { field: 'prompt_tokens', amount: 1.5 },
    ],
    [
      { prompt_tokens: '12', completion_tokens: 2 },
      { field: 'prompt_tokens', type: 'string' },
    ],
    [{ input_tokens: Number.POSITIVE_INFINITY }, { field: 'input_tokens', amount: Number.POSITIVE_INFINITY }],
    [
      { prompt_tokens: 1, completion_tokens: 2, cost: -0.1 },
      { field: 'cost', amount: -0.1 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 11 } },
      { inputTokens: 10, cachedInputTokens: 11, cacheWriteTokens: 0 },
    ],
    [
      { inputTokens: 10, cachedInputTokens: 6, cacheWriteTokens: 6 },
      { inputTokens: 10, cachedInputTokens: 6, cacheWriteTokens: 6 },
    ],
    [
      { input_tokens: 10, output_tokens: 5, output_token_details: { reasoning: 6 } },
      { outputTokens: 5, reasoningTokens: 6 },
    ],
  ])('%j', (raw, facts) => {
    let error: unknown;
    try {
      usageFrom(raw);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidUsageError);
    expect(GuardError.is(error)).toBe(true);
    expect((error as InvalidUsageError).code).toBe('invalid_usage');
    expect((error as InvalidUsageError).facts).toEqual(facts);
  });
});

test('a usage whose fields are accessors of a class is read like one of plain fields', () => {
  class Reported {
    get input_tokens(): number {
      return 20;
    }
    get output_tokens(): number {
      return 5;
    }
  }
  expect(usageFrom(new Reported())).toEqual({ inputTokens: 20, outputTokens: 5 });
});
