import { costFindings, createGuard, type AuditEntry, type CostPattern, type Finding } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { costOf, modelStep, runStart } from '../../support/audit-entries.ts';

function found(entries: readonly AuditEntry[], pattern: CostPattern): Finding[] {
  const patterns = costFindings();
  for (const entry of entries) patterns.add(entry);
  return patterns.findings().filter((finding) => finding.pattern === pattern);
}

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const verdict = (run: string, laps: number, nanoUsd: number): AuditEntry => ({
  v: 1,
  at: 0,
  event: 'loop:verdict',
  run,
  tenant: 'default',
  scopes: { feature: 'chat' },
  level: laps > 3 ? 'halt' : 'warn',
  kind: 'repeat',
  detectors: ['repeat'],
  step: laps,
  firstStep: 0,
  period: 1,
  laps,
  steps: [],
  identity: 'x',
  reason: '',
  waste: { steps: laps - 1, tokens: 10, nanoUsd },
  confidence: 1,
  clearedBy: '',
});

describe('cost findings', () => {
  it('find nothing in a log of modest calls', () => {
    const entries = many(30, (index) => modelStep({ run: `r${index}`, cap: 60 }));
    const patterns = costFindings();
    for (const entry of entries) patterns.add(entry);
    expect(patterns.findings()).toEqual([]);
  });

  it('name documents that are put in whole, at the cost of what lies above 8,000 new tokens', () => {
    const [finding, ...others] = found([modelStep({ input: 30_000 }), modelStep({ run: 'r2', input: 7_000 })], 'context-abuse');
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      nanoUsd: costOf(22_000),
      facts: { calls: 1, largestTokens: 30_000 },
      where: { feature: 'chat', model: 'gpt-4o' },
    });
  });

  it('do not take a long history for a document', () => {
    const chat = [0, 6, 12, 18].map((turn) => modelStep({ input: 1_000 * turn + 2_000 }));
    expect(found(chat, 'context-abuse')).toEqual([]);
  });

  it('count each loop once, at its last and largest waste', () => {
    const entries = [verdict('r1', 2, 100), verdict('r1', 3, 200), verdict('r1', 4, 300), verdict('r2', 2, 50)];
    expect(found(entries, 'agent-loops')).toMatchObject([
      { nanoUsd: 350, facts: { loops: 2, halted: 1, steps: 4, longestLaps: 4 }, where: { feature: 'chat', kind: 'repeat' } },
    ]);
  });

  it('name long answers to short questions, and caps far above what is used', () => {
    const long = found(
      many(3, (index) => modelStep({ run: `r${index}`, input: 50, output: 1_400 })),
      'verbose-defaults',
    );
    expect(long).toMatchObject([{ nanoUsd: 3 * costOf(0, 1_000), facts: { longAnswers: 3 } }]);
    const wide = found(
      many(25, (index) => modelStep({ run: `r${index}`, output: 100, cap: 4_000 })),
      'verbose-defaults',
    );
    expect(wide).toMatchObject([{ facts: { meanCap: 4_000, calls: 25 } }]);
    expect(wide[0]?.facts['p95OutputTokens']).toBeGreaterThanOrEqual(92);
    expect(wide[0]?.facts['p95OutputTokens']).toBeLessThanOrEqual(109);
  });

  it('name the same question paid for again and again, at the cost of all but the first', () => {
    const prompt = { question: 'q', questionSize: 40, instructions: '', instructionsSize: 0 };
    const asked = many(4, (index) => modelStep({ run: `r${index}`, prompt }));
    // Two steps of one run that work on one question are one asking.
    const findings = found([...asked, modelStep({ run: 'r3', prompt })], 'feature-sprawl');
    expect(findings).toMatchObject([{ nanoUsd: 4 * costOf(100, 20), facts: { times: 4, characters: 40 } }]);
  });

  it('name features that cost far more per run, and spend that no feature owns', () => {
    const entries = ['a', 'b', 'c'].flatMap((feature) => [
      runStart(feature, { feature }),
      modelStep({ run: feature, scopes: { feature }, input: feature === 'c' ? 4_000 : 400, output: 0 }),
    ]);
    const findings = found([...entries, runStart('n'), modelStep({ run: 'n', scopes: {}, input: 400, output: 0 })], 'feature-sprawl');
    expect(findings).toMatchObject([
      { where: { feature: 'c' }, nanoUsd: costOf(3_600) },
      { where: { feature: '' }, nanoUsd: costOf(400) },
    ]);
  });

  it('name history that is sent again, within a run and over the runs of a session', () => {
    const inRun = many(12, (turn) => modelStep({ input: 1_000 + 500 * turn, output: 100 }));
    const ofSession = many(12, (turn) =>
      modelStep({ run: `r${turn}`, scopes: { session: 's1', feature: 'chat' }, input: 1_000 + 500 * turn, output: 100 }),
    );
    for (const entries of [inRun, ofSession]) {
      const [finding] = found(entries, 'history-bloat');
      // Each turn carries the input and the output of the one before: 1,100, 1,600, …, 6,100.
      const carried = many(11, (turn) => 1_100 + 500 * turn).reduce((sum, tokens) => sum + tokens, 0);
      expect(finding).toMatchObject({ facts: { carriedTokens: carried, tokensATurn: 400, longestTurns: 12 }, nanoUsd: costOf(carried) });
    }
  });

  it('name instructions that go with every call', () => {
    const prompt = { question: 'q', questionSize: 4, instructions: 'i', instructionsSize: 8_000 };
    const findings = found(
      many(11, (index) => modelStep({ run: `r${index}`, input: 2_500, prompt })),
      'history-bloat',
    );
    expect(findings).toMatchObject([{ nanoUsd: 10 * costOf(2_000), facts: { calls: 11, tokens: 2_000 } }]);
  });

  it('cost the parts of a call by what was booked where the model has no known price', () => {
    const step = modelStep({
      name: 'house-model',
      input: 30_000,
      output: 0,
      used: { nanoUsd: 3_000, inputTokens: 30_000, outputTokens: 0 },
    });
    expect(found([step], 'context-abuse')).toMatchObject([{ nanoUsd: 2_200 }]);
  });

  it('list the dearest instructions, and take no mixture of others for one text', () => {
    const prompt = (instructions: string) => ({ question: '', questionSize: 0, instructions, instructionsSize: 40_000 });
    const entries = many(25, (text) =>
      many(10 + text, (run) => modelStep({ run: `${text}-${run}`, input: 12_000, prompt: prompt(`text-${text}`) })),
    ).flat();
    const others = many(4_000, (text) => modelStep({ run: `o${text}`, input: 12_000, prompt: prompt(`other-${text}`) }));
    const listed = found([...entries, ...others], 'history-bloat').filter(({ what }) => what.startsWith('the same instructions'));
    expect(listed.map(({ facts }) => facts['calls'])).toEqual(many(20, (place) => 34 - place));
  });

  it('count two runs that ask one question at once as two, and only what the second cost', () => {
    const prompt = { question: 'q', questionSize: 60, instructions: '', instructionsSize: 0 };
    const steps = many(6, (step) => modelStep({ run: step % 2 === 0 ? 'a' : 'b', step, prompt }));
    expect(found(steps, 'feature-sprawl')).toEqual([]);
    const third = modelStep({ run: 'c', prompt });
    const step = third.used.nanoUsd ?? 0;
    expect(found([...steps, third], 'feature-sprawl')).toMatchObject([{ facts: { times: 3 }, nanoUsd: 4 * step }]);
  });
});

describe('what a guard tells of a prompt', () => {
  it('is the same for the same question, and not its text', async () => {
    const guard = createGuard();
    const prompts: unknown[] = [];
    guard.on('step:end', ({ step }) => void prompts.push(step.prompt));
    const ask = (text: string) =>
      guard.run((run) =>
        run.step(
          {
            kind: 'model',
            model: 'gpt-4o',
            messages: [
              { role: 'system', text: 'be kind' },
              { role: 'user', text },
            ],
          },
          async () => ({ output: 'ok' }),
        ),
      );
    for (const text of ['what is it', 'what is it', 'another']) await ask(text);
    await guard.run((run) => run.step({ kind: 'tool', name: 't', args: {} }, async () => ({ output: 1 })));
    expect(prompts[0]).toEqual(prompts[1]);
    expect(prompts[2]).not.toEqual(prompts[0]);
    expect(prompts[0]).toMatchObject({ questionSize: 10, instructionsSize: 7 });
    expect(prompts[3]).toBeUndefined();
    expect(JSON.stringify(prompts)).not.toMatch(/what|kind/);
  });
});
