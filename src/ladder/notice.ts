import type { Verdict } from '../core/verdict.ts';
import { leftOf } from './facts.ts';
import { withLastMessage } from './history.ts';
import { checkFigures, count, share } from './rung-options.ts';
import type { Rung, RungContext, RungOptions, RungStanding } from './rung.ts';

/** When the model is told, and how often. */
export interface NoticeOptions extends RungOptions {
  /** The most notices in one run. Default 4: a model that does not listen to four will not listen to a fifth. */
  readonly most?: number | undefined;
}

/** What the model was told in this run. */
interface Told {
  readonly notices: number;
  readonly keys: readonly string[];
}

/**
 * Tells the model facts that it can act on: what is left of its budget, or what it repeats. At the end of the messages (or,
 * where only tool calls can be reached, below a tool's result), so that the prompt cache and all pairs stay valid.
 * The same thing is told once: again only when a limit was changed, or when a loop was broken and began anew.
 *
 * @example createGuard({ budgets: { run: { steps: 25 } }, ladder: [notice({ at: 0.8 }), wrapUp()] });
 */
export function notice({ at = 0.8, on, scopes, most = 4 }: NoticeOptions = {}): Rung {
  checkFigures('notice', { at: [at, share], most: [most, count] });
  return {
    name: 'notice',
    at,
    on,
    scopes,
    loop: 'warn',
    kinds: ['model', 'tool'],
    offer(call, context) {
      const told = (context.memory.get('told') as Told | undefined) ?? { notices: 0, keys: [] };
      const facts = factsOf(context, at).filter(({ key }) => !told.keys.includes(key));
      if (facts.length === 0 || told.notices >= most || context.halt) return undefined;
      if (call.kind === 'model' && !call.messages) return undefined;
      const keys = [...told.keys, ...facts.map(({ key }) => key)].slice(-KEYS_MAX);
      context.memory.set('told', { notices: told.notices + 1, keys } satisfies Told);
      const text = `[Notice] ${facts.map((fact) => fact.text).join(' ')}`;
      const edits = call.kind === 'model' ? { messages: withLastMessage(call.messages ?? [], text) } : { note: text };
      return { kind: 'edits', edits, detail: facts.map((fact) => fact.detail).join('; ') };
    },
  };
}

const KEYS_MAX = 64;

interface Fact {
  /** What it is about: the same key is never told twice. */
  readonly key: string;
  readonly text: string;
  readonly detail: string;
}

function factsOf({ standings, verdict }: RungContext, at: number): Fact[] {
  const tight = standings.filter(({ pressure }) => pressure >= at);
  return [...(verdict ? [loopFact(verdict)] : []), ...tight.map(budgetFact)];
}

const loopFact = (verdict: Verdict): Fact => ({
  key: `loop ${verdict.identity} ${verdict.firstStep}`,
  text:
    `You are repeating yourself: ${verdict.reason}. The same again will bring the same. ` +
    'Use what you have, try something different, or finish with an answer that says what is missing.',
  detail: `the model was told that ${verdict.reason}`,
});

const budgetFact = (standing: RungStanding): Fact => ({
  key: `${standing.scope} ${standing.dimension} ${standing.limit}`,
  text: `The budget runs low, ${leftOf(standing)} left: finish with what you have.`,
  detail: `the model was told that ${leftOf(standing)} are left`,
});
