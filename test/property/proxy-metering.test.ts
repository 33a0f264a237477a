import fc from 'fast-check';
import { createGuard, type EndedStepInfo } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { checkedConfiguration } from '../../integrations/cli/proxy/configuration/load.ts';
import { secretsFrom } from '../../integrations/cli/proxy/configuration/secret.ts';
import { serveProxy } from '../../integrations/cli/proxy/serve-proxy.ts';
import { ask, leaves, whimsicalUpstream, whimsOf, type Whim } from '../support/whims.ts';

const key = 'hf-a-key-of-a-client-for-tests';
const budgets = { user: { modelCalls: 1_000_000, tokens: 1_000_000_000 } } as const;

const whim = fc.record(
  Object.fromEntries(Object.entries(whimsOf).map(([name, some]) => [name, fc.constantFrom<unknown>(...some)])),
) as unknown as fc.Arbitrary<Whim>;

describe('the proxy', () => {
  /** Makes all requests at once, each with its repeats one after the other, and looks at the books. */
  async function play(whims: readonly Whim[]) {
    // Of its own: what a client that has left had sent may arrive when the next play has begun.
    const upstream = await whimsicalUpstream();
    const guard = createGuard<string>({ budgets, loops: 'off' });
    const ended: EndedStepInfo[] = [];
    guard.on('step:end', ({ step }) => void ended.push(step));
    const proxy = await serveProxy({
      configuration: checkedConfiguration({ keys: [{ name: 'client', key, trustIds: true }], budgets }),
      secrets: secretsFrom({}),
      upstream: upstream.url,
      port: 0,
      host: '127.0.0.1',
      guard,
    });
    const told = await Promise.all(
      whims.map(async (each, index) => {
        const statuses: (number | undefined)[] = [];
        for (let turn = 0; turn <= each.repeats; turn += 1) {
          const headers = { authorization: `Bearer ${key}`, 'holdfast-user': `u${index}`, 'x-stainless-retry-count': String(turn) };
          statuses.push(await ask(proxy.url, headers, each));
        }
        return statuses;
      }),
    );
    await proxy.close();
    const users = await Promise.all(whims.map((_, index) => guard.read('user', `u${index}`)));
    const seen = upstream.seen();
    await upstream.close();
    await guard.close();
    return { told, users, seen, ended };
  }

  it('serves no request unmetered, whatever it, its answer and its client are like', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(whim, { minLength: 1, maxLength: 12, size: 'max' }), async (whims) => {
        const { told, users, seen, ended } = await play(whims);
        const made = ended.reduce((sum, { outcome, attempts }) => sum + (outcome === 'released' ? 0 : attempts), 0);
        const gone = whims.reduce((sum, each) => sum + (leaves(each) ? each.repeats + 1 : 0), 0);
        // One whose client leaves while it is being sent may count although it never arrived; never the other way round.
        expect(made).toBeGreaterThanOrEqual(seen);
        expect(made).toBeLessThanOrEqual(seen + gone);
        expect(users.reduce((sum, { used }) => sum + used.modelCalls, 0)).toBe(made);
        expect(users.filter(({ held }) => held.modelCalls + held.tokens > 0)).toEqual([]);
        for (const [index, statuses] of told.entries()) {
          const answered = statuses.filter((status) => status !== undefined && status < 300).length;
          // A usage that is none is no reason to keep an answer from its client.
          const { client, fault } = whims[index]!;
          if (client === 'stays' && fault === 'none') expect(statuses.filter((status) => status !== 200)).toEqual([]);
          const used = users[index]?.used;
          expect(used?.modelCalls).toBeGreaterThanOrEqual(answered);
          if (answered > 0) expect(used?.tokens, JSON.stringify(whims[index])).toBeGreaterThan(0);
        }
        // What nobody said is an estimate, and no step that was answered is free.
        expect(ended.filter(({ outcome, used, isEstimated }) => outcome === 'ok' && used.tokens === 0 && !isEstimated)).toEqual([]);
      }),
      { numRuns: 25, seed: 20_260_115 },
    );
  }, 60_000);
});
