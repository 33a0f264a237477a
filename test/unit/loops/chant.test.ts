import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { freshText, times } from '../../support/loop-steps.ts';

/** Streams a text in pieces; says after how many characters it was cut, or undefined. */
function cutAt(text: string, size = 17, channel: 'text' | 'thinking' = 'text'): number | undefined {
  const judge = createLoopJudge();
  for (let from = 0; from < text.length; from += size) if (judge.observeText(text.slice(from, from + size), channel)) return from + size;
  return undefined;
}

describe('a text that streams', () => {
  test('is cut soon after it begins to chant, whatever the size of its pieces', () => {
    const text = `${freshText(1, 60)} ${'I will check the file again. '.repeat(200)}`;
    for (const size of [1, 17, 500, text.length]) expect(cutAt(text, size)).toBeDefined();
    expect(cutAt(text)).toBeLessThan(1200);
  });

  test('is cut when it chants in long stretches, in thinking too', () => {
    const stretch = `${freshText(3, 60)} `;
    expect(cutAt(stretch.repeat(8), 17, 'thinking')).toBeDefined();
  });

  test('is cut when one paragraph comes back among others', () => {
    const paragraph = 'The order was never paid, so the refund cannot be sent from here, I am sorry.';
    expect(cutAt(times(8, (i) => `${freshText(i, 9)}\n\n${paragraph}\n\n`).join(''))).toBeDefined();
  });

  test.each([
    ['prose', times(40, (i) => `${freshText(i, 14)}.`).join(' ')],
    ['a rule', `Title\n${'-'.repeat(1200)}\nText`],
    ['dots and blank lines', `${'. '.repeat(500)}${'\n'.repeat(500)}`],
    ['a table', `| name | count |\n|---|---|\n${times(60, (i) => `| ${freshText(i, 2)} | ${i} |\n`).join('')}`],
    ['a list', times(60, (i) => `- [ ] check ${freshText(i, 3)}\n`).join('')],
    ['code in a fence', `\`\`\`ts\n${times(60, (i) => `  expect(result.${freshText(i, 1)}).toBe(true);\n`).join('')}\`\`\``],
    [
      'a refrain three times',
      times(3, (i) => `${freshText(i, 40)}\n\nAnd that is why we keep the light on, all night long, for those at sea.\n\n`).join(''),
    ],
  ])('is left alone: %s', (_what, text) => {
    expect(cutAt(text)).toBeUndefined();
  });

  test('gives a verdict for the step that is not over yet, without a word of it', () => {
    const judge = createLoopJudge();
    judge.observe({
      runId: 'run',
      index: 6,
      round: 3,
      kind: 'tool',
      name: 'look',
      args: {},
      output: 'x',
      tokens: 1,
      nanoUsd: 1,
      startedAt: 0,
      endedAt: 0,
    });
    const verdict = times(40, () => judge.observeText('secret phrase again and again, ', 'text')).find((said) => said !== undefined);
    expect(verdict).toMatchObject({ level: 'halt', kind: 'chant', step: 7, period: null });
    expect(JSON.stringify(verdict)).not.toContain('secret phrase');
  });

  test('is not looked at when chant is left out', () => {
    const judge = createLoopJudge({ loops: { without: ['chant'] } });
    expect(judge.observeText('again and again, '.repeat(200), 'text')).toBeUndefined();
  });
});
