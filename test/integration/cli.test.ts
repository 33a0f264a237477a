import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtProgram } from '../support/built-package.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-cli-'));
let program = '';
beforeAll(async () => {
  program = await builtProgram(scratch, 'integrations/cli/main.ts');
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs the command as a process of its own; `code` is null when it had to be ended. */
const holdfast = (...args: string[]): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { timeout: 20_000 }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });

describe('the command line', () => {
  it('lists its commands, and names them where one is misspelled', async () => {
    expect(await holdfast('--help')).toMatchObject({ code: 0, out: expect.stringContaining('holdfast COMMAND') as string, err: '' });
    expect(await holdfast()).toMatchObject({ code: 2 });
    expect(await holdfast('reprot')).toMatchObject({
      code: 2,
      err: 'holdfast: there is no command "reprot"; it has demo, replay, report, dashboard, plan, proxy; see holdfast --help\n',
    });
    expect(await holdfast('plan', '--nonsense')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^holdfast: .*see --help\n$/) as string,
    });
  });

  it.each([
    ['dashboard', '--demo'],
    ['proxy', '--upstream', 'http://127.0.0.1:9'],
  ])('%s ends where its port is taken, and says what to do', async (...args) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    try {
      expect(await holdfast(...args, '--port', String(port))).toEqual({
        code: 1,
        out: '',
        err: `holdfast: port ${port} of 127.0.0.1 is taken; give another one with --port, or 0 for any\n`,
      });
    } finally {
      taken.close();
    }
  });

  it('an address of another machine is told as such', async () => {
    expect(await holdfast('dashboard', '--demo', '--port', '0', '--host', '192.0.2.1')).toEqual({
      code: 1,
      out: '',
      err: 'holdfast: 192.0.2.1 is no address of this machine (EADDRNOTAVAIL); give another one with --host\n',
    });
  });

  it('a folder is no audit log', async () => {
    expect(await holdfast('dashboard', scratch, '--port', '0')).toEqual({
      code: 2,
      out: '',
      err: `holdfast dashboard: ${scratch} is a folder; name the logs in it\n`,
    });
  });
});
