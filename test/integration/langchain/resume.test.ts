import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { RunReport } from 'holdfast';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { builtProgram } from '../../support/built-package.ts';
import type { ProcessOptions } from './support/waiting-process.ts';
import { searcher, waitingDoors, type WaitingDoor } from './support/waiting-scene.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'holdfast-resume-'));
  program = await builtProgram(folder, 'test/integration/langchain/support/waiting-process.ts');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Told {
  readonly answer?: string;
  readonly interrupts?: readonly { readonly value: Record<string, unknown> }[];
  readonly error?: string;
  readonly searched: readonly string[];
  readonly ids: readonly string[];
  readonly reports: readonly RunReport[];
}

let threads = 0;

/** A thread of conversation, each turn of which is a process of its own. */
async function thread(script: OpenAIScript, options: Omit<ProcessOptions, 'url' | 'file'>) {
  const server = await startOpenAIServer({ script });
  servers.push(server);
  threads += 1;
  const file = path.join(folder, `thread-${threads}`);
  return {
    server,
    async next(turn: Pick<ProcessOptions, 'say' | 'resume' | 'lateMs'>): Promise<Told> {
      const given: ProcessOptions = { ...options, url: server.url, file, ...turn };
      const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(given)], { timeout: 60_000 });
      return JSON.parse(stdout) as Told;
    },
  };
}

const doors = Object.keys(waitingDoors) as WaitingDoor[];
const hour = 3_600_000;
// Each turn is a process that loads LangChain.
const timeout = 120_000;

describe('a run that waits for a person beyond its process', { timeout }, () => {
  it.each(doors)('%s: goes on where it was, in counters, limits and time', async (door) => {
    const { next, server } = await thread(searcher({ times: 6 }), { door, budgets: { run: { steps: 6, duration: '5m' } as never } });
    const first = await next({ say: 'Will it rain?' });
    expect(first.interrupts).toMatchObject([
      {
        value: {
          type: 'holdfast:handoff',
          task: 'Will it rain?',
          reason: 'run budget exceeded: steps 6 used, 1 asked, of 6',
          report: { used: { steps: 6, modelCalls: 3, toolCalls: 3 } },
          lastMessages: expect.arrayContaining([{ role: 'user', text: 'Will it rain?' }]),
        },
      },
    ]);
    const second = await next({ resume: { words: 'Search on.', limits: { steps: 40 } }, lateMs: hour });
    expect(second.answer).toBe('It rains, after 6 turns.');
    expect(second.ids).toEqual(first.ids);
    expect(second.reports).toMatchObject([
      { runId: first.ids[0], scopes: { user: 'u1' }, used: { steps: 13, modelCalls: 7, toolCalls: 6 }, tools: { search: { calls: 6 } } },
    ]);
    expect(second.reports[0]?.durationMs).toBeLessThan(300_000);
    expect(server.requests).toHaveLength(7);
    expect(server.requests[3]?.messages.at(-1)).toMatchObject({ role: 'user', text: 'Search on.' });
    expect([...first.searched, ...second.searched]).toEqual([0, 1, 2, 3, 4, 5].map((page) => `page ${page}`));
    expect(server.refusals).toEqual([]);
  });

  it('is asked again when the answer was of no use, and heeds each answer once', async () => {
    const { next, server } = await thread(searcher({ times: 4 }), { door: 'guardAgent(createAgent)', budgets: { run: { steps: 4 } } });
    await next({ say: 'Will it rain?' });
    const second = await next({ resume: { limits: { steps: 3 } } });
    expect(second.interrupts?.[0]?.value).toMatchObject({ type: 'holdfast:handoff', reason: expect.stringContaining('of 3') });
    const third = await next({ resume: 42 });
    expect(third.interrupts?.[0]?.value).toMatchObject({ problem: expect.stringContaining('got number') });
    const last = await next({ resume: { words: 'Go on.', limits: { steps: 20 } } });
    expect(last.answer).toBe('It rains, after 4 turns.');
    expect(last.reports[0]?.used).toMatchObject({ steps: 9, modelCalls: 5, toolCalls: 4 });
    expect(server.requests.at(-1)?.messages.filter(({ text }) => text === 'Go on.')).toHaveLength(1);
    expect(server.requests).toHaveLength(5);
  });

  it('counts a tool once that is done again beside one that waits', async () => {
    const script: OpenAIScript = (_, turn) =>
      turn === 0 ? { toolCalls: ['a', 'ask', 'b'].map((query) => ({ name: 'search', args: { query } })) } : 'It rains.';
    const door = 'guardAgent(StateGraph) with guardModel and guardTools';
    const { next } = await thread(script, { door, askAt: 'ask', ladder: false, budgets: { run: { steps: 5 } } });
    const first = await next({ say: 'Will it rain?' });
    expect(first.interrupts?.[0]?.value).toBe('May I?');
    const second = await next({ resume: 'yes' });
    expect(second.answer).toBe('It rains.');
    expect(second.ids).toEqual(first.ids);
    expect(second.searched).toEqual(['a', 'b']);
    expect(second.reports[0]).toMatchObject({ used: { steps: 5, modelCalls: 2, toolCalls: 3 }, tools: { search: { calls: 3 } } });
  });
});
