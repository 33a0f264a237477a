import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtProgram } from '../../support/built-package.ts';
import { seededRandom } from '../../support/random.ts';
import type { Standing } from '../../support/soaked-proxy.ts';
import { ask, whimsicalUpstream, whimsOf, type Whim } from '../../support/whims.ts';
import { clientKey } from './support.ts';

const REQUESTS = 2_400;
const AT_ONCE = 20;

describe('the proxy after thousands of requests with faults mixed in', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-soak-'));
  const agent = new Agent({ keepAlive: true });
  const random = seededRandom(20_260_115);
  let upstream: Awaited<ReturnType<typeof whimsicalUpstream>>;
  let child: ChildProcess;
  let answers: AsyncIterator<string>;
  let url = '';

  beforeAll(async () => {
    const program = await builtProgram(scratch, path.join(import.meta.dirname, '../../support/soaked-proxy.ts'));
    upstream = await whimsicalUpstream();
    child = spawn(process.execPath, ['--expose-gc', program, upstream.url], { stdio: ['pipe', 'pipe', 'inherit'] });
    answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    ({ url } = (await told()) as { url: string });
  }, 120_000);
  afterAll(async () => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
    await upstream.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  const told = async (): Promise<unknown> => JSON.parse(String((await answers.next()).value)) as unknown;
  async function standing(): Promise<Standing> {
    child.stdin!.write('?\n');
    return (await told()) as Standing;
  }
  const whim = (): Whim =>
    Object.fromEntries(Object.entries(whimsOf).map(([name, some]) => [name, random.pick<unknown>(some)])) as unknown as Whim;

  async function makeRequests(count: number): Promise<void> {
    let left = count;
    const lane = async (): Promise<void> => {
      for (; left > 0;) {
        left -= 1;
        await ask(url, { authorization: `Bearer ${clientKey}` }, whim(), agent);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  /** Once clients and upstream have let go of their connections. */
  async function standingAtRest(): Promise<Standing> {
    agent.destroy();
    upstream.rest();
    let last = await standing();
    await expect
      .poll(async () => ({ sockets: (last = await standing()).sockets, runs: last.runs, holds: last.holds }), {
        timeout: 20_000,
        interval: 200,
      })
      .toEqual({ sockets: 0, runs: 0, holds: 0 });
    return last;
  }

  it('stands as it stood: no socket, timer, run or hold is left, and the heap is no larger than what is remembered', async () => {
    await makeRequests(REQUESTS / 3);
    const before = await standingAtRest();
    await makeRequests(REQUESTS);
    const after = await standingAtRest();
    expect(after.modelCalls).toBeGreaterThan(before.modelCalls + REQUESTS / 2);
    expect(after.modelCalls).toBeGreaterThanOrEqual(upstream.seen());
    expect(after.timers).toBeLessThanOrEqual(before.timers + 1);
    // Of each request some 300 bytes are remembered, so that a repeated message is known as one; a request itself is far more.
    expect(after.heapBytes - before.heapBytes).toBeLessThan(REQUESTS * 3_000);
  }, 120_000);
});
