import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { followAuditLog } from 'holdfast';
import { loopbackHosts, serveDashboard, type ServedDashboard } from 'holdfast/dashboard';
import { fileProblem } from '../file-problem.ts';
import { exitCodes, type Command, type Io } from '../io.ts';
import { portOf } from '../port.ts';
import { printable } from '../style.ts';
import { UsageError } from '../usage-error.ts';
import { playForEver } from './played-work.ts';

const help = `holdfast dashboard FILE…   what agents do, live, in a browser
holdfast dashboard --demo  the same over a guard whose agents are played

Follows the audit logs that your processes write (auditLog('audit.jsonl').follow(guard)), also through their rotation.
To act on a guard (set limits, halt runs), serve the page from its own process: see holdfast/dashboard.

  --port N        default 4700; 0 takes any that is free
  --host ADDRESS  default 127.0.0.1; any address that other machines can reach needs a token
  --hosts A,B     names under which others reach it, such as build-7.example.com; asked for under any other it refuses
  --token TOKEN   whoever has it may look and act (default: a new one; also from HOLDFAST_TOKEN)
  --demo          play agents: nothing is called, nothing costs
  --json          print { "url" } and nothing else

Ends with Ctrl-C. Exit codes: 0 ended, 1 the port is taken, 2 wrong usage.
`;

/** `holdfast dashboard`. */
export const dashboardCommand: Command = {
  help,
  async run(args, io) {
    try {
      return await serve(args, io);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      io.err(`holdfast dashboard: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

async function serve(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals: files } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '4700' },
      host: { type: 'string', default: '127.0.0.1' },
      hosts: { type: 'string' },
      token: { type: 'string' },
      demo: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  if ((values.demo ?? false) === files.length > 0) throw new UsageError('name the audit logs to follow, or give --demo');
  const port = portOf(values.port);
  for (const file of files) if (isFolder(file)) throw new UsageError(`${printable(file)} is a folder; name the logs in it`);
  const token = values.token ?? io.env['HOLDFAST_TOKEN'] ?? randomBytes(18).toString('base64url');
  const names = (values.hosts ?? '').split(',').filter((name) => name !== '');
  const hosts = names.length > 0 ? { hosts: [...loopbackHosts, values.host, ...names] } : {};
  const ended = new AbortController();
  const work = values.demo ? playForEver(AbortSignal.any([io.signal, ended.signal])) : undefined;
  let served: ServedDashboard | undefined;
  try {
    served = await serveDashboard(work?.guard, { port, host: values.host, token, ...hosts });
    io.out(values.json ? `${JSON.stringify({ url: served.url })}\n` : `holdfast dashboard: ${served.url}\nCtrl-C ends it.\n`);
    if (!values.json && isAny(values.host) && names.length === 0)
      io.err('holdfast dashboard: other machines are refused until --hosts tells under which names they reach this one\n');
    for (const file of files) if (!existsSync(file)) io.err(`holdfast dashboard: ${printable(file)} is not there yet; it is waited for\n`);
    const { add } = served;
    const following = files.map((file) => follow(file, add, io));
    if (!io.signal.aborted) await once(io.signal, 'abort');
    await Promise.all(following);
  } finally {
    ended.abort();
    await work?.done;
    await served?.close();
  }
  return exitCodes.ok;
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';

const isFolder = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;

/** Shows a log as it grows. One that can no longer be read is told of; the others go on. */
async function follow(file: string, add: ServedDashboard['add'], io: Io): Promise<void> {
  try {
    for await (const entry of followAuditLog(file, { signal: io.signal })) add(entry);
  } catch (error) {
    io.err(`holdfast dashboard: ${printable(`${file}: ${fileProblem(error)}`)}; it is no longer followed\n`);
  }
}
