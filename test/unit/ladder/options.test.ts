import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import { heldBackCall } from '../../../src/ladder/held-back-call.ts';
import { lighterReasoning } from '../../../src/ladder/lighter-reasoning.ts';
import { ladderOption } from '../../../src/ladder/options.ts';
import { ladderPresets, presetRungs } from '../../../src/ladder/presets.ts';
import { shorten } from '../../../src/ladder/shorten.ts';
import { summarizedHistory } from '../../../src/ladder/summarized-history.ts';
import { wrapUp } from '../../../src/ladder/wrap-up.ts';
import { countText } from '../../support/rung-context.ts';

describe('the ladder option', () => {
  it('takes presets, rungs and rungs in shadow', () => {
    expect(ladderOption.parse('strict').rungs.length).toBeGreaterThan(3);
    expect(ladderOption.parse('shadow').isShadow).toBe(true);
    expect(ladderOption.parse([wrapUp()])).toMatchObject({ isShadow: false, rungs: [{ name: 'wrapUp' }] });
    expect(ladderOption.parse({ rungs: [wrapUp()], shadow: true }).isShadow).toBe(true);
  });

  it('passes the rungs of users on as they are', () => {
    class Mine {
      readonly name = 'mine';
      offer() {
        return undefined;
      }
    }
    const mine = new Mine();
    expect(ladderOption.parse([mine]).rungs[0]).toBe(mine);
  });

  it.each([[['wrapUp']], [[{ name: 'x' }]], ['loose'], [[wrapUp(), wrapUp()]], [[{ ...wrapUp(), at: 80 }]]])('refuses %j', (option) => {
    expect(ladderOption.safeParse(option).success).toBe(false);
  });

  it('ends every preset with an answer', () => {
    for (const preset of ladderPresets) expect(presetRungs(preset).at(-1)).toMatchObject({ isTerminal: true });
  });

  it('names the option, the value and the remedy of a figure that cannot be meant', () => {
    expect(() => summarizedHistory({ at: 90, maxTokens: 1.5 })).toThrow(InvalidOptionError);
    expect(() => summarizedHistory({ at: 90 })).toThrow('at: expected a number, 0 to 1, got 90');
    expect(() => wrapUp({ reserve: 0.9 })).toThrow('reserve: expected a number, 0 to 0.5, got 0.9');
  });

  it('refuses an effort that no provider knows, and what is no function or list, when it is made and not in the run', () => {
    expect(() => lighterReasoning({ effort: 'lowest' as 'low' })).toThrow(
      'effort: expected one of none, minimal, low, medium, high, xhigh, got "lowest"',
    );
    expect(() => wrapUp({ instruction: 'Stop.' as never })).toThrow('instruction: expected a function');
    expect(() => wrapUp({ answer: 'Sorry.' as never })).toThrow('answer: expected a function');
    expect(wrapUp({ answer: false }).name).toBe('wrapUp');
    // A text is no list: `search` would be found in `research_and_delete`, too.
    expect(() => heldBackCall({ reuse: 'research_and_delete' as never })).toThrow('reuse: expected a list of names or a function');
  });
});

describe('a shortened text', () => {
  it('keeps its beginning and its end, fits, and says what is missing', () => {
    const short = shorten(`first ${'x'.repeat(4_000)} last`, 100, countText);
    expect(countText(short)).toBeLessThanOrEqual(100);
    expect(short).toMatch(/^first .*\[… \d+ characters left out …\].* last$/s);
  });

  it('is the text itself where it fits', () => {
    expect(shorten('short', 100, countText)).toBe('short');
  });

  it('has no half characters', () => {
    const short = shorten('😀'.repeat(500), 40, countText);
    expect(Buffer.from(short).toString()).toBe(short);
  });
});
