import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createGuard, type Guard } from 'holdfast';
import { serveDashboard, type ServedDashboard } from 'holdfast/dashboard';
import { fakeClock } from 'holdfast/testing';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { answeringRun, loopingRun } from '../support/page-workload.ts';
import { hasProgram, programPath } from '../support/programs.ts';

const token = 'a-token-of-enough-characters';
const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT = 30_000;
/** Set to a folder to keep pictures of the page. */
const pictures = process.env['HOLDFAST_PICTURES'];

describe.runIf(hasProgram('the dashboard in a browser', 'chromium', 'chromium-browser'))(
  'the dashboard in a browser',
  { timeout: 120_000 },
  () => {
    let browser: Browser;
    let page: Page;
    let served: ServedDashboard | undefined;
    let complaints: string[] = [];

    beforeAll(async () => {
      const executablePath = programPath('chromium', 'chromium-browser') ?? 'chromium';
      browser = await chromium.launch({
        executablePath,
        timeout: 90_000,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      });
    }, 120_000);
    afterAll(() => browser.close());
    afterEach(async () => {
      await page.close();
      await served?.close();
      expect(complaints).toEqual([]);
      complaints = [];
    });

    async function open(guard: Guard, options: { dark?: boolean; width?: number } = {}): Promise<void> {
      served = await serveDashboard(guard, { port: 0, token, everyMs: 50 });
      page = await browser.newPage({
        viewport: { width: options.width ?? 1200, height: 900 },
        colorScheme: options.dark ? 'dark' : 'light',
      });
      page.setDefaultTimeout(WAIT);
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(served.url);
      await page.locator('#connection[data-state=live]').waitFor();
    }

    async function picture(name: string): Promise<void> {
      if (pictures === undefined) return;
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
    }

    /** What axe finds wrong with what is shown: contrast, landmarks, names, roles. The page's own rules forbid its script, so it runs outside of them. */
    async function problemsOfPage(): Promise<unknown[]> {
      return page.evaluate<unknown[]>(
        `${axe}; axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]))`,
      );
    }

    const budgets = { user: { usd: 0.05, window: 'day' }, feature: { usd: 5, window: 'day' }, global: { usd: 50, window: 'day' } } as const;

    it('shows a run while it goes on, and takes the token out of the address', async () => {
      const guard = createGuard();
      await open(guard);
      expect(page.url()).not.toContain('token');
      const run = guard.start({ scopes: { user: 'ann', feature: 'chat' } });
      const row = page.locator(`[data-run="${run.id}"]`);
      await row.getByText('live').waitFor();
      await run.step({ kind: 'model', model: 'gpt-4o', input: 'hi' }, async () => ({
        output: 'ok',
        usage: { inputTokens: 1_000, outputTokens: 100 },
      }));
      await row.getByText('1 step', { exact: true }).waitFor();
      await row.getByText('$0.0035').waitFor();
      await run.end();
      await row.getByText('done').waitFor();
    });

    it('draws a loop as laps, and marks its steps', async () => {
      const guard = createGuard();
      await open(guard);
      const id = await loopingRun(guard, { user: 'ann' });
      await page.locator(`[data-run="${id}"]`).click();
      await page
        .getByRole('heading', { name: /\d+ laps of/ })
        .first()
        .waitFor();
      expect(await page.locator('.lap').count()).toBeGreaterThanOrEqual(3);
      expect(await page.locator('.lap').first().innerText()).toContain('lookup_order');
      expect(await page.locator('.timeline li[data-loop]').count()).toBeGreaterThanOrEqual(3);
      await page.locator('#run').getByText('halted: loop').first().waitFor();
      await picture('run');
    });

    it('raises a limit with the keyboard alone, and the run goes on', async () => {
      const guard = createGuard({ budgets: { run: { toolCalls: 2 } } });
      await open(guard);
      const run = guard.start();
      const call = () => run.step({ kind: 'tool', name: 'look', args: { n: Math.random() } }, async () => ({ output: Math.random() }));
      await call();
      await call();
      const row = page.locator(`[data-run="${run.id}"]`);
      await row.waitFor();
      for (let tabs = 0; tabs < 30 && !(await row.evaluate((element) => element === element.ownerDocument.activeElement)); tabs += 1)
        await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      const button = page.getByRole('button', { name: /Set limit of run .*, tool calls/ });
      await button.waitFor();
      await button.focus();
      await page.keyboard.press('Enter');
      await page.getByLabel('New limit').waitFor();
      await page.keyboard.type('3');
      await page.keyboard.press('Enter');
      await page.getByText('2 of 3').waitFor();
      await call();
      expect(run.report().used.toolCalls).toBe(3);
      await expect(call()).rejects.toThrow('run budget exceeded');
      await run.end();
    });

    it('leaves the focus with its row where rows move', async () => {
      const guard = createGuard({ budgets: { user: { usd: 1 } } });
      await open(guard);
      const spend = (user: string, usd: number) =>
        guard.run({ scopes: { user } }, (run) => run.step({ kind: 'tool', name: 'buy', args: {}, usd }, async () => ({ output: 1 })));
      await spend('ann', 0.2);
      await spend('ben', 0.1);
      const names = page.locator('.budgets .name');
      await expect.poll(() => names.allInnerTexts()).toEqual(['user ann', 'user ben']);
      await page.getByRole('button', { name: 'Set limit of user ann' }).focus();
      await spend('ben', 0.5);
      await expect.poll(() => names.allInnerTexts()).toEqual(['user ben', 'user ann']);
      expect(await page.locator('*:focus').innerText()).toContain('user ann');
    });

    it('shows nothing of one run where another was asked for', async () => {
      const guard = createGuard();
      await open(guard);
      await guard.run({ id: 'first' }, (run) => run.step({ kind: 'tool', name: 'look', args: {} }, async () => ({ output: 1 })));
      const second = guard.start({ id: 'second' });
      await page.locator('[data-run="first"]').click();
      await page.locator('#run').getByText('run first').waitFor();
      let goOn = (): void => {};
      const asked = new Promise<void>((resolve) => (goOn = resolve));
      await page.route('**/api/events?run=second', async (route) => {
        await asked;
        await route.continue();
      });
      await page.evaluate("location.hash = '#/run/second'");
      await expect.poll(() => page.locator('#run').innerText()).toBe('');
      goOn();
      await page.locator('#run').getByText('run second').waitFor();
      await second.end();
    });

    it('says what is wrong with the connection, and when that is something else', async () => {
      const guard = createGuard();
      await open(guard);
      const { port } = new URL(page.url());
      await served?.close();
      await page.locator('#connection[data-state=lost]').waitFor();
      served = await serveDashboard(guard, { port: Number(port), token: `another-${token}` });
      await page.locator('#connection').getByText('the token is missing or wrong').waitFor();
      // Chromium tells of each request that fails.
      complaints = [];
    });

    it('rounds times and small amounts to what they are', async () => {
      const clock = fakeClock();
      const guard = createGuard({ clock });
      await open(guard);
      await guard.run({ id: 'slow' }, async (run) => {
        await run.step({ kind: 'tool', name: 'wait', args: {} }, async () => {
          clock.advance(119_700);
          return { output: 1 };
        });
        await run.step({ kind: 'tool', name: 'buy', args: {}, usd: 0.00001 }, async () => ({ output: 1 }));
      });
      await page.locator('[data-run="slow"]').click();
      await page.locator('.timeline').getByText('2 min 0 s').waitFor();
      await page.locator('.timeline').getByText('<$0.0001').waitFor();
    });

    it('halts a run when a person says so, and not before', async () => {
      const guard = createGuard();
      await open(guard);
      const run = guard.start();
      await page.locator(`[data-run="${run.id}"]`).click();
      await page.getByRole('button', { name: 'Halt run' }).click();
      expect(run.halted).toBeUndefined();
      await page.getByRole('dialog').getByRole('button', { name: 'Halt run' }).click();
      await page.locator('#run').getByText('halted: person').first().waitFor();
      expect(run.halted?.cause).toBe('person');
      await run.end();
    });

    it('shows hostile names as text', async () => {
      const guard = createGuard({ budgets: { user: { usd: 1 } } });
      await open(guard);
      const run = guard.start({ scopes: { user: hostile }, agent: hostile, id: `run ${hostile}` });
      await run.step({ kind: 'tool', name: hostile, args: {}, usd: 0.01 }, async () => ({ output: 1 }));
      await page.locator('.runs a').first().click();
      await page.locator('#run').getByText(hostile).first().waitFor();
      await page.locator('.timeline li').first().waitFor();
      expect(await page.title()).toBe('holdfast');
      expect(await page.locator('img, main script').count()).toBe(0);
      await page.goto(`${page.url().split('#')[0] ?? ''}#/`);
      await page.locator('.budgets .name').first().waitFor();
      expect(await page.locator('.budgets .name').first().innerText()).toContain(hostile);
      await run.end();
    });

    it('fits a narrow phone, however long names, windows and figures are', async () => {
      const guard = createGuard({ budgets: { user: { reasoningTokens: 20_000_000, window: { rolling: '24h' } }, run: { steps: 60 } } });
      await open(guard, { width: 320 });
      const long = 'a-name-that-has-no-end-'.repeat(8);
      const run = guard.start({ scopes: { user: long }, agent: long });
      await run.step({ kind: 'tool', name: long, args: {} }, async () => ({ output: 1 }));
      await page.locator('.budgets .bar').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await page.evaluate("[...document.querySelectorAll('.card')].every((card) => card.scrollWidth <= card.clientWidth)")).toBe(
        true,
      );
      await page.locator(`[data-run="${run.id}"]`).click();
      await page.locator('.timeline li').first().waitFor();
      expect(await page.locator('#run .facts').first().innerText()).toContain(' 1 step ');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await picture('narrow');
      await page.getByRole('button', { name: 'Halt run' }).click();
      expect(await page.evaluate("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")).toBe(
        true,
      );
      await run.end();
    });

    it.each([
      ['light', { dark: false }],
      ['dark', { dark: true }],
      ['phone', { width: 380 }],
    ] as const)('is readable and accessible: %s', async (name, options) => {
      const guard = createGuard({ budgets });
      await open(guard, options);
      for (const [user, feature, steps] of [
        ['ann', 'chat', 3],
        ['ben', 'search', 2],
        ['cid', 'document-analysis', 4],
      ] as const)
        await answeringRun(guard, { user, feature, session: `s-${user}` }, steps);
      const looping = await loopingRun(guard, { user: 'dot', feature: 'chat' });
      const live = guard.start({ scopes: { user: 'eve', feature: 'search' }, agent: 'research' });
      await live.step({ kind: 'model', model: 'gpt-4o-mini', input: 'hi' }, async () => ({
        output: 'ok',
        usage: { inputTokens: 900, outputTokens: 100 },
      }));
      await page.locator(`[data-run="${live.id}"]`).waitFor();
      await page.locator('.budgets .bar').first().waitFor();
      expect(await problemsOfPage()).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await picture(`overview-${name}`);
      await page.locator(`[data-run="${looping}"]`).click();
      await page.locator('.lap').first().waitFor();
      expect(await problemsOfPage()).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await picture(`run-${name}`);
      await live.end();
    });
  },
);
