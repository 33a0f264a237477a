import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { play } from '../../examples/support/played-model.ts';
import { checkedConfiguration } from '../../integrations/cli/proxy/configuration/load.ts';
import { secretsFrom } from '../../integrations/cli/proxy/configuration/secret.ts';
import { serveProxy } from '../../integrations/cli/proxy/serve-proxy.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';

const folder = new URL('../../examples/', import.meta.url);
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []));

/** What each example prints, in order. */
const printed: Record<string, readonly (string | RegExp)[]> = {
  'wrap-an-agent': ['I could not finish this (loop). A colleague will write to you.', /^stopped because: .*find_flight/],
  'callback-handler': [/^run budget exceeded: steps 4 used, 1 asked, of 4/, /^user u1 has used \$0\.\d+ of \$0\.5 today$/],
  middleware: ['This conversation has used up its budget for today.', /^the session used \d+ of 2000 tokens$/],
  'run-budget': [/^Hello! \(\$0\.\d+\)$/, /^run budget exceeded: inputTokens 0 used, 5\d\d\d asked, of 100$/],
  'agent-executor': [/^run budget exceeded: toolCalls 3 used, 1 asked, of 3/, /^after 7 steps, tools: list_files$/],
  'ai-sdk': [
    'The manual has a chapter per page; I have read the first ones.',
    /^user u1 has used \$0\.\d+ of \$0\.5 today, in 1[12] steps$/,
  ],
  'openai-agents': ['A colleague will call you.', /^stopped because: a lap of 2 rounds went round \d+ times/, /^handed over \d+ times$/],
  'without-a-framework': [
    /^an answer of at most 19\d\d tokens$/,
    /^run budget exceeded: usd \$0\.0\d+ used/,
    /^\d+ calls of gpt-4o for \$0\.0\d+$/,
  ],
  'budgets-by-scope': [
    'user at 50 %: 0.3 of 0.5',
    'done',
    /^user budget exceeded: usd \$0\.3 used, \$0\.3 asked, of \$0\.5/,
    'done',
    /^alice has used \$0\.6, and has \$1\.40 left$/,
  ],
  'http-gate': [
    'Hello!',
    'Hello!',
    'I have answered enough for today. The opening hours are 9 to 17.',
    '413 application/problem+json: The input is too large',
  ],
  proxy: ['stopped: loop_detected'],
  'raw-sdk': ['The manual has two pages.', /^429: user budget exceeded: modelCalls 4 used, 1 asked, of 4/],
  langgraph: [
    'asked a person: run budget exceeded: steps 6 used, 1 asked, of 6',
    'one run, 5 model calls, 3 tool calls',
    'The manual has a chapter per page.',
  ],
  loops: ['20 polls: fine', /^warn: /, /^halt: /, /search/],
  'soft-landing': [/^step 5: notice \(.*50 %/, /^step 10: wrapUp \(/, 'The manual has a chapter per page; I have read the first ones.'],
  'see-it': [
    'holdfast_budget_settled{scope="user",account="_other",dimension="usd",window="day"} 0.6',
    /^holdfast: user alice has used 50 % of its budget \(day\): \$0\.60 of \$1\.00\..* Most of it: feature search \$0\.60\.$/,
    'alice, search: 1 tool call, $0.6',
  ],
  'many-processes': ['4 workers asked 200 times and were allowed 100 times'],
  'halts-and-reports': [
    'event: budget at step 2',
    'run budget exceeded: toolCalls 2 used, 1 asked, of 2',
    'budget_exceeded: run.toolCalls, 2 of 2, resets never',
    'the run made 2 steps: 2 × read_page',
    'the same error again: true',
  ],
};

// A key of the developer's must not make the examples talk to the real thing.
beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

async function redis() {
  const server = await startRedis();
  return { url: `redis://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop() };
}

/** Plays an example behind a proxy in front of its played model. */
async function behindProxy(play: () => Promise<void>): Promise<void> {
  const configuration = checkedConfiguration({});
  const upstream = process.env['OPENAI_BASE_URL'];
  const proxy = await serveProxy({ configuration, secrets: secretsFrom({}), upstream, port: 0, host: '127.0.0.1' });
  vi.stubEnv('HOLDFAST_PROXY_URL', proxy.url);
  try {
    await play();
  } finally {
    await proxy.close();
  }
}

describe('examples', () => {
  test('each has an expectation here', () => {
    expect(Object.keys(printed).toSorted()).toEqual(names.toSorted());
  });

  test.each(names.filter((name) => hasRedis || name !== 'many-processes'))('%s prints what it says', async (name) => {
    const lines: string[] = [];
    const { main } = (await import(`../../examples/${name}.ts`)) as { main(say: (line: unknown) => void): Promise<void> };
    await using server = name === 'many-processes' ? await redis() : undefined;
    if (server) vi.stubEnv('REDIS_URL', server.url);
    const playIt = (): Promise<void> => main((line) => void lines.push(String(line)));
    await play(name, () => (name === 'proxy' ? behindProxy(playIt) : playIt()));
    expect(lines).toEqual((printed[name] ?? []).map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))));
  });

  test('each is told in the README, word for word', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    for (const name of names) expect(readme).toContain(`examples/${name}.ts`);
    const stories = [...readme.matchAll(/<!-- examples\/([\w-]+)\.ts -->\n```ts\n([\s\S]*?)```/g)];
    expect(stories.length).toBeGreaterThan(3);
    for (const [, name, code = ''] of stories) {
      const example = readFileSync(new URL(`${name}.ts`, folder), 'utf8').replaceAll(/\s+/g, ' ');
      for (const line of code.split('\n').map((each) => each.trim().replaceAll(/\s+/g, ' ')))
        expect(example, `${name}: ${line}`).toContain(line);
    }
  });
});
