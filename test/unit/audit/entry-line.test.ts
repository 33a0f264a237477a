import fc from 'fast-check';
import { expect, it } from 'vitest';
import { entryLines } from '../../../src/audit/log/entry-line.ts';
import type { AuditEntry } from '../../../src/audit/log/entry.ts';
import { followEntries } from '../../../src/audit/log/follow-entries.ts';
import { hmac } from '../../../src/audit/log/ids.ts';
import { createGuard } from '../../../src/runtime/guard.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const tokens = fc.integer({ min: 0, max: 1e6 });

it('is what JSON.stringify would have made of the entry, for any run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ user: name, feature: name, agent: fc.option(name, { nil: undefined }) }),
      fc.array(fc.record({ tool: name, question: name, usage: fc.option(fc.record({ inputTokens: tokens, outputTokens: tokens })) }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.boolean(),
      async ({ user, feature, agent }, turns, isHashed) => {
        const guard = createGuard({ prices: { m: { input: 1.25, output: 10 } }, ladder: 'gentle', budgets: { run: { usd: 2 } } });
        const entries: AuditEntry[] = [];
        followEntries(guard, (entry) => entries.push(entry), isHashed ? { ids: hmac('a key of sixteen bytes') } : {});
        const run = guard.start({ scopes: { user, feature }, agent });
        for (const { tool, question, usage } of turns) {
          const model = await run
            .begin({
              kind: 'model',
              model: 'm',
              messages: [
                { role: 'system', text: 'x' },
                { role: 'user', text: question },
              ],
            })
            .catch(() => undefined);
          await (usage ? model?.end({ text: 'So.' }, usage) : model?.fail(new Error('down')));
          const call = await run.begin({ kind: 'tool', name: tool, args: { question } }).catch(() => undefined);
          await call?.end({ output: tool });
        }
        await guard
          .run({ parent: run.isEnded ? null : run, scopes: {} }, (inner) =>
            inner.step({ kind: 'tool', name: 'inner', args: {} }, async () => ({ output: 1 })),
          )
          .catch(() => {});
        await run.end();
        const line = entryLines();
        expect(entries.length).toBeGreaterThan(4);
        for (const entry of entries) expect(line(entry)).toBe(`${JSON.stringify(entry)}\n`);
      },
    ),
    { numRuns: 60, seed: 3 },
  );
});

it('has null for a figure that is none', () => {
  const entry = {
    v: 1,
    at: Number.NaN,
    event: 'step:start',
    run: 'r',
    tenant: 't',
    scopes: {},
    step: 0,
    round: 1,
    kind: 'tool',
    name: 'x',
    held: { tokens: Infinity },
    expected: {},
    rungs: ['a"b'],
  } as const;
  expect(entryLines()(entry)).toBe(`${JSON.stringify(entry)}\n`);
});
