import type { ModelCall } from '../core/step.ts';
import type { Usage, UsageReport } from '../core/usage.ts';

/** Whose signal is made when it is first asked for: most calls are counted at once. */
export interface Abortable {
  readonly signal: AbortSignal;
}

/** What counting a call before it is made gives. */
export interface InputCount {
  /** Tokens to hold: the safe side, with the model family's factor, learned correction and margin in it. */
  readonly upper: number;
  /** Tokens to expect. */
  readonly likely: number;
  /** The bare count before factor, correction and margin: what the learning compares with the bill. */
  readonly counted: number;
  /** The provider itself has counted: a bill then says nothing of the count that is made here. */
  readonly byProvider?: boolean;
}

/** How much more or less a model bills than was counted here. */
export interface BilledRatio {
  readonly model: string;
  /** What was in the calls: `text`, or with `tools`, `media` or both. */
  readonly content: string;
  /** Billed input tokens for one counted token. */
  readonly ratio: number;
  readonly observations: number;
}

/** The price of one model as it stood when it was asked for; kept with the hold, so that a later change does not touch it. */
export interface ModelPrice {
  /** Nano-USD for one call with this usage. Exact integer. */
  cost(usage: Usage): number;
  /** Upper bound in nano-USD for the input side of a call: the dearer of input and cache-write price, at the tier for that many tokens. */
  inputBound(tokens: number): number;
  /** Upper bound in nano-USD for one output token, reasoning included, given the size of the input (tiers). */
  outputTokenBound(inputTokens: number): number;
  /** Where the price came from, for the report: table id and date, or `override`. */
  readonly source: string;
}

/** Counting, prices and learning behind one seam: all that the runtime knows of tokens and money. */
export interface Meter {
  /** Counts a call's input. Short calls answer at once; long ones give the event loop back and honour the signal. */
  count(call: ModelCall, of?: Abortable): InputCount | Promise<InputCount>;
  /** The price of a model now, or undefined where none is known. */
  price(model: string, options?: { provider?: string | undefined; serviceTier?: string | undefined }): ModelPrice | undefined;
  /** Cap on output for a call that names none: 4,096, or 16,384 for reasoning models. */
  defaultOutputCap(model: string): number;
  /** Reasoning tokens to expect from a call (a budget bounds it, an effort is estimated and learned); never above `cap`. */
  reasoningEstimate(call: ModelCall, cap: number): number;
  /** Output tokens to expect, reasoning included, for the report beside what was billed; never above `cap`, which is the upper bound. */
  expectedOutput(call: ModelCall, cap: number): number;
  /** Tells the meter what the provider billed, so that the next count is better. What it did not report itself teaches nothing. */
  learn(model: string, counted: InputCount, billed: Usage, call: ModelCall, reported?: UsageReport): void;
  /** What was learned so far: billed tokens for one counted token, per model and kind of content. For metrics. */
  billedRatios(): readonly BilledRatio[];
  /** Counts output as it streams. */
  outputCounter(model: string): OutputCounter;
  /** Turns what a host reports into a whole usage; undefined when nothing is known; contradictions are an error. */
  settleUsage(report: UsageReport, fallback: Usage): { usage: Usage; estimated: boolean };
}

/** Exact count of a text that arrives in pieces. */
export interface OutputCounter {
  /** Takes a delta, returns the tokens so far: exactly, or a little above inside a very long word. About a microsecond. */
  push(delta: string): number;
  /** The tokens of everything pushed, exactly. For the end of a stream; while it flows, take what `push` returns. */
  total(): number;
}
