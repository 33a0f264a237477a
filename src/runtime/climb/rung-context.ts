import type { Halt } from '../../core/halt.ts';
import { toUsd } from '../../core/money.ts';
import type { Call, ModelCall } from '../../core/step.ts';
import type { Verdict } from '../../core/verdict.ts';
import type { RungContext, RungStanding } from '../../ladder/rung.ts';
import type { Meter } from '../../meter/meter.ts';
import type { ModelTerms } from '../asks.ts';
import type { RunCore } from '../run-core.ts';
import { detach, isPromise } from '../time-limit.ts';

export interface ContextParts {
  readonly core: RunCore;
  readonly call: Call;
  readonly terms: ModelTerms | undefined;
  readonly standings: readonly RungStanding[];
  readonly verdict: Verdict | undefined;
  readonly halt: Halt | undefined;
  readonly memory: Map<string, unknown>;
}

/** What a rung is handed. */
export function rungContext({ core, call, terms, standings, verdict, halt, memory }: ContextParts): RungContext {
  const { meter, clock } = core.guard;
  const count = (text: string): number => countText(meter, call.kind === 'model' ? call.model : 'gpt-4o', text);
  const countCall = (other: ModelCall): number =>
    other === call && terms
      ? terms.input.upper
      : (other.messages ?? []).reduce(
          (sum, { text }) => sum + count(text) + PER_MESSAGE,
          count(other.input ?? '') + toolTokens(other, count),
        );
  return {
    standings,
    verdict,
    halt,
    memory,
    count,
    countCall,
    report: () => core.run.report(),
    now: clock.now,
    price(other) {
      const { model, provider, serviceTier } = other;
      const price = meter.price(model, { provider, serviceTier });
      if (!price) return undefined;
      // The same messages: only the model differs, so its figures are compared on one count.
      const input = terms && other.messages === (call as ModelCall).messages ? terms.input.upper : countCall(other);
      const cap = (other.maxOutputTokens ?? terms?.ask.unitsWanted ?? meter.defaultOutputCap(model)) * Math.max(1, other.n ?? 1);
      return toUsd(price.inputBound(input) + price.outputTokenBound(input) * cap);
    },
  };
}

/** What providers add around a message, at the most. */
const PER_MESSAGE = 4;
/** Longer texts are judged by their beginning: an edit need not be exact, and the event loop must not wait. */
const COUNTED_CHARACTERS = 4_000;

function countText(meter: Meter, model: string, text: string): number {
  if (text === '') return 0;
  const counted = text.length > COUNTED_CHARACTERS ? text.slice(0, COUNTED_CHARACTERS) : text;
  const input = meter.count({ kind: 'model', model, input: counted });
  if (isPromise(input)) {
    detach(input);
    return Math.ceil(text.length / 2);
  }
  return Math.ceil((input.upper * text.length) / counted.length);
}

const toolTokens = ({ tools }: ModelCall, count: (text: string) => number): number =>
  tools && tools.length > 0 ? count(JSON.stringify(tools) ?? '') : 0;
