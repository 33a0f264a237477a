#!/usr/bin/env node
import { createRequire } from 'node:module';
import { GuardError } from 'holdfast';
import { exitCodes, processIo, type Command, type Io } from './io.ts';
import { listenProblem } from './port.ts';

interface Entry {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The packages of others that it is of no use without, as npm takes them. */
  readonly needs?: string;
  load(): Promise<Command>;
}

/** The commands, each loaded only when it is asked for. */
const commands: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'watch a runaway agent with and without a guard; no key, no network',
    needs: 'langchain @langchain/core @langchain/openai',
    load: async () => (await import('./demo/command.ts')).demo,
  },
  replay: { summary: 'say what a guard would have done in recorded runs', load: async () => (await import('./replay/command.ts')).replay },
  report: {
    summary: 'say what agents cost, by user, feature, model or time, and where money goes for nothing',
    load: async () => (await import('./report/command.ts')).report,
  },
  dashboard: {
    summary: 'watch runs, budgets and loops in a browser while they happen',
    load: async () => (await import('./dashboard/command.ts')).dashboardCommand,
  },
  plan: {
    summary: 'say what agents will cost: an interaction, a user and day, a month; and what would save',
    load: async () => (await import('./plan/command.ts')).plan,
  },
  proxy: {
    summary: 'guard agents in any language: a proxy in front of the model',
    load: async () => (await import('./proxy/command.ts')).proxyCommand,
  },
};

const help = (): string => `holdfast: an agent-loop guard

Usage: holdfast COMMAND [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

holdfast COMMAND --help tells of one command; holdfast --version tells the version.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a guard halted (or would have halted) a run.
`;

const entryOf = (name: string | undefined): Entry | undefined =>
  name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;

async function main(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    io.out(help());
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (name === '--version' || name === '-v') {
    io.out(`${version()}\n`);
    return exitCodes.ok;
  }
  const entry = entryOf(name);
  if (!entry) {
    io.err(`holdfast: there is no command "${name}"; it has ${Object.keys(commands).join(', ')}; see holdfast --help\n`);
    return exitCodes.usage;
  }
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    io.out(command.help);
    return exitCodes.ok;
  }
  return command.run(rest, io);
}

const version = (): string => (createRequire(import.meta.url)('holdfast/package.json') as { version: string }).version;

/** A package that a command needs and the user has not installed. */
function missingPackage(error: unknown): string | undefined {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' || typeof message !== 'string') return undefined;
  return /Cannot find package '([^']+)'/.exec(message)?.[1];
}

async function start(): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  // A reader that leaves early (`holdfast replay … | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed));
  const io = processIo(stop.signal);
  try {
    process.exitCode = await main(process.argv.slice(2), io);
  } catch (error) {
    process.exitCode = complain(error, entryOf(process.argv[2]), stop.signal.aborted, io);
  }
}

/** Says what went wrong: in one line what a user can mend, with its stack what only we can. */
function complain(error: unknown, entry: Entry | undefined, isInterrupted: boolean, io: Io): number {
  const { code, message = String(error), stack = message } = error as { code?: unknown; message?: string; stack?: string };
  const name = missingPackage(error);
  if (name) {
    io.err(`holdfast: this command needs the package ${name}: npm install ${entry?.needs ?? name}\n`);
    return exitCodes.failed;
  }
  const problem = listenProblem(error);
  if (problem !== undefined) {
    io.err(`holdfast: ${problem}\n`);
    return exitCodes.failed;
  }
  const isUsage = typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
  io.err(`holdfast: ${isUsage ? `${message}; see --help` : isInterrupted || GuardError.is(error) ? message : stack}\n`);
  return isUsage ? exitCodes.usage : exitCodes.failed;
}

start().catch((error: unknown) => {
  process.exitCode = exitCodes.failed;
  process.stderr.write(`holdfast: ${String(error)}\n`);
});
