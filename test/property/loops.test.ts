import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StepRecord } from '../../src/core/step.ts';
import { createLoopJudge } from '../../src/loops/judge.ts';
import { loopCases } from '../../src/testing/loop-cases.ts';
import { recordsOf } from '../../src/testing/loop-cases/script.ts';
import { gist } from '../support/loop-steps.ts';

const verdictsOf = (records: readonly StepRecord[], tools = {}) => {
  const judge = createLoopJudge({ tools });
  return records.map((record) => gist(judge.observe(record)));
};

/** The same object with its keys in another order. */
const reordered = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reordered(inner)]),
  );
};

const anyCase = fc.constantFrom(...loopCases.filter(({ steps }) => steps.length > 0));

describe('a verdict', () => {
  test('does not depend on ids, on the clock or on the order of keys', () => {
    fc.assert(
      fc.property(anyCase, fc.uuid(), fc.integer({ min: 0, max: 2 ** 40 }), ({ steps, tools = {} }, id, shiftMs) => {
        const records = recordsOf(steps);
        const others = records.map((record) => ({
          ...record,
          runId: `${record.runId}-${id}`,
          ...(record.parentRunId === undefined ? {} : { parentRunId: `${record.parentRunId}-${id}` }),
          args: reordered(record.args),
          startedAt: record.startedAt + shiftMs,
          endedAt: record.endedAt + shiftMs,
        }));
        expect(verdictsOf(others, tools)).toEqual(verdictsOf(records, tools));
      }),
      { numRuns: 60, seed: 42 },
    );
  });

  test('does not depend on where a run is cut and resumed in another process', () => {
    fc.assert(
      fc.property(anyCase, fc.double({ min: 0, max: 1, noNaN: true }), ({ steps, tools = {} }, share) => {
        const records = recordsOf(steps);
        const cut = Math.floor(share * records.length);
        const before = createLoopJudge({ tools });
        const verdicts = records.slice(0, cut).map((record) => gist(before.observe(record)));
        const after = createLoopJudge({ tools }, JSON.parse(JSON.stringify(before.save())));
        verdicts.push(...records.slice(cut).map((record) => gist(after.observe(record))));
        expect(verdicts).toEqual(verdictsOf(records, tools));
      }),
      { numRuns: 60, seed: 43 },
    );
  });

  test('names steps that lie in the run, oldest first, and says how sure it is', () => {
    for (const { steps, tools = {} } of loopCases) {
      const judge = createLoopJudge({ tools });
      for (const record of recordsOf(steps)) {
        const verdict = judge.observe(record);
        if (verdict === undefined) continue;
        expect(verdict.steps).toEqual([...new Set(verdict.steps)].toSorted((a, b) => a - b));
        expect(verdict.steps.length).toBeLessThanOrEqual(64);
        expect(verdict.steps.every((step) => step >= 0 && step <= verdict.step)).toBe(true);
        expect(verdict.firstStep).toBeLessThanOrEqual(verdict.step);
        expect(verdict.laps).toBeGreaterThanOrEqual(2);
        expect(verdict.confidence).toBeGreaterThan(0);
        expect(verdict.confidence).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('a judge', () => {
  test('takes whatever a host hands in, and goes on', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true, withBigInt: true }),
            fc.anything(),
            fc.string({ unit: 'binary' }),
          ),
          { maxLength: 12 },
        ),
        (steps) => {
          const judge = createLoopJudge();
          for (const [index, [args, output, name]] of steps.entries()) {
            judge.observe({
              runId: 'run',
              index,
              round: index,
              kind: 'tool',
              name,
              args,
              output,
              tokens: null,
              nanoUsd: null,
              startedAt: 0,
              endedAt: 0,
            });
          }
          expect(() => JSON.stringify(judge.save())).not.toThrow();
        },
      ),
      { numRuns: 100, seed: 44 },
    );
  });

  test('starts afresh from a state that makes no sense', () => {
    fc.assert(
      fc.property(fc.anything(), (state) => {
        const judge = createLoopJudge({}, typeof state === 'object' && state !== null ? { version: 1, ...state } : state);
        const records = recordsOf(loopCases[0]?.steps ?? []);
        expect(records.map((record) => judge.observe(record)?.level)).toContain('halt');
      }),
      { numRuns: 60, seed: 45 },
    );
  });

  test('saves no more after a thousand steps than its bounds allow', () => {
    const judge = createLoopJudge();
    for (let index = 0; index < 1000; index++) {
      judge.observe({
        runId: `run-${index % 50}`,
        index,
        round: index,
        kind: 'tool',
        name: `tool_${index % 90}`,
        args: { query: `${index} `.repeat(200) },
        output: `result ${index} `.repeat(300),
        tokens: 1,
        nanoUsd: 1,
        startedAt: index,
        endedAt: index,
      });
    }
    expect(JSON.stringify(judge.save()).length).toBeLessThan(256 * 1024);
  });
});
