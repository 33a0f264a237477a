// Makes the pictures of the dashboard that the README and docs/operations.md show: LangChain agents under a guard against the
// local protocol server, the page in a headless Chromium beside them. The guard's clock runs 60 times as fast, so that
// half a minute of work is half an hour on the page; nothing else is made up.
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { ChatOpenAI } from '@langchain/openai';
import { tool } from '@langchain/core/tools';
import { createAgent } from 'langchain';
import { chromium } from 'playwright-core';
import { z } from 'zod';
import { cheaperModel, createGuard, heldBackCall, notice, wrapUp } from '../dist/src/index.js';
import { serveDashboard } from '../dist/integrations/dashboard/index.js';
import { guardAgent } from '../dist/integrations/langchain/index.js';
import { startOpenAIServer } from '../dist/src/testing/index.js';

const SPEED = 60;
const WORK_MS = 28_000;
const LARGEST = 150_000;
const folder = process.argv[2] ?? path.join(import.meta.dirname, '..', 'docs', 'pictures');

const began = Date.now();
const clock = {
  now: () => Date.now() - (WORK_MS - (Date.now() - began)) * (SPEED - 1),
  setTimeout: (fn, ms) => setTimeout(() => fn(), ms).unref(),
  clearTimeout,
};

const guard = createGuard({
  clock,
  budgets: {
    run: { usd: 0.5, steps: 200 },
    user: { usd: 0.15, window: 'day', per: { maria: { usd: 0.8 } } },
    feature: { usd: 0.2, window: 'day', per: { 'document-analysis': { usd: 0.3 } } },
    tenant: { usd: 3, window: 'month' },
    global: { usd: 5, window: 'day' },
  },
  ladder: [notice({ at: 0.8 }), cheaperModel('gpt-4o-mini', { at: 0.7, scopes: ['user'] }), heldBackCall(), wrapUp()],
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** The same numbers each time. */
let seed = 7;
const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;

/** What the model does is in the question: how many look-ups before it answers, or one and the same for ever. */
const server = await startOpenAIServer({
  script: async (request, turn) => {
    const question = request.messages.find(({ role }) => role === 'user')?.text ?? '';
    await pause((question.includes('slowly') ? 900 : 40) + 120 * random());
    const lookUps = Number(/(\d+) look-ups/.exec(question)?.[1] ?? 2);
    if (request.tools.length === 0 || (turn >= lookUps && !question.includes('order'))) return 'Here is what I found. '.repeat(8);
    if (question.includes('order'))
      return { text: 'I will look that up.', toolCalls: [{ name: 'look_up_order', args: { order: 'A-1042' } }] };
    return { text: 'Looking at the next page.', toolCalls: [{ name: 'search_docs', args: { query: `${word()} ${word()}` } }] };
  },
});

const syllables = 'ra ne to li ka so mi vu del or sen ta pri mon gal es'.split(' ');
const word = () => Array.from({ length: 2 + Math.floor(random() * 3) }, () => syllables[Math.floor(random() * syllables.length)]).join('');
const searchDocs = tool(async ({ query }) => `${query}: ${Array.from({ length: 120 }, word).join(' ')}`, {
  name: 'search_docs',
  description: 'Searches the handbook.',
  schema: z.object({ query: z.string() }),
});
const lookUpOrder = tool(async () => 'The order service is not available. Please try again.', {
  name: 'look_up_order',
  description: 'Reads the state of an order.',
  schema: z.object({ order: z.string() }),
});

async function work(scopes, question) {
  const model = new ChatOpenAI({ model: 'gpt-4o', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
  const agent = guardAgent(createAgent({ model, tools: [searchDocs, lookUpOrder], name: `${scopes.feature}-agent` }), guard);
  const { tenant, user, feature } = scopes;
  const configurable = { tenant_id: tenant, user_id: user, feature };
  await agent
    .invoke({ messages: [{ role: 'user', content: question }] }, { recursionLimit: 200, configurable })
    .catch((error) => console.log(`a run ended: ${error.message.split('\n')[0]}`));
}

const features = ['chat', 'document-analysis', 'support', 'search'];
const users = ['maria', 'jonas', 'amara', 'li-wei', 'tomás', 'ingrid'];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const served = await serveDashboard(guard, { port: 0, token: 'a token for the pictures', everyMs: 200 });

const inFlight = new Set();
const begin = (scopes, question) => {
  const done = work(scopes, question).finally(() => inFlight.delete(done));
  inFlight.add(done);
};
for (let count = 0; Date.now() - began < WORK_MS - 2_500; count += 1) {
  const feature = features[Math.floor(random() ** 1.6 * features.length)] ?? 'chat';
  const lookUps = feature === 'document-analysis' ? 9 : 1 + Math.floor(random() * 5);
  begin(
    { tenant: random() < 0.6 ? 'acme' : 'globex', user: users[Math.floor(random() ** 1.5 * users.length)], feature },
    `Find it with ${lookUps} look-ups.`,
  );
  await pause(250 + 900 * random() * (1 + Math.sin(count / 4)));
}
begin({ tenant: 'acme', user: 'jonas', feature: 'support' }, 'Where is my order A-1042?');
await pause(1_500);
for (const feature of ['chat', 'document-analysis'])
  begin({ tenant: 'globex', user: 'ingrid', feature }, 'Find it slowly, with 30 look-ups.');
await pause(1_200);

mkdirSync(folder, { recursive: true });
for (const scheme of ['light', 'dark']) {
  const page = await browser.newPage({ viewport: { width: 1100, height: 720 }, colorScheme: scheme });
  await page.goto(served.url);
  await page.locator('#connection[data-state=live]').waitFor();
  await page.locator('[data-run]').first().waitFor();
  await pause(800);
  await keep(page, `overview-${scheme}`);
  await page
    .locator('[data-run]', { has: page.locator('.pill', { hasText: 'halted: loop' }) })
    .first()
    .click();
  await page
    .getByRole('heading', { name: /laps of/ })
    .first()
    .waitFor();
  await page.setViewportSize({ width: 1100, height: 1_130 });
  await pause(300);
  await keep(page, `run-${scheme}`);
  await page.close();
}

async function keep(page, name) {
  const file = path.join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  const { size } = statSync(file);
  console.log(`${path.relative(process.cwd(), file)}  ${Math.round(size / 1000)} kB`);
  if (size > LARGEST) throw new Error(`${name} has ${size} bytes; a picture should have ${LARGEST} at the most`);
}

await browser.close();
await served.close();
await guard.close();
await server.close();
// The runs that were live on the pictures need not be waited for.
process.exit(0);
