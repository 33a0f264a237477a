import { costFindings, readAuditLog, spendReport, type CostFindingsOptions, type SpendReport } from 'holdfast';
import { fileProblem } from '../file-problem.ts';
import { exitCodes, type Command, type Io } from '../io.ts';
import { readPrices } from '../read-prices.ts';
import { progressBar } from '../replay/progress.ts';
import { printable, styleFor } from '../style.ts';
import { UsageError } from '../usage-error.ts';
import { knownKeys, readArguments, type ReportArguments } from './arguments.ts';
import { reportCsv, reportJson } from './csv.ts';
import { findingsText } from './findings-text.ts';
import { reportTable } from './table.ts';

const help = `holdfast report FILE… [--by KEYS] [--findings]   what agents cost, from audit logs

Reads the logs that auditLog() writes (.jsonl, also packed as .gz), however long they are.

  --by KEYS          split by user, feature, model, tenant, session, agent, minute, hour, day, month, or a scope
                     of your own; several with commas: --by user,day (default: feature)
  --findings         name the five cost patterns, each with its cost: context abuse, agent loops, verbose defaults,
                     feature sprawl, history bloat
  --from T  --to T   only what happened from T on, and before T: 2026-01-15, 2026-01-15T12:00, 2026-01-15T12:00Z
  --time-zone ZONE   the zone of minutes, hours and days, and of a T that names none (default UTC)
  --top N            only the N largest rows; the total is of all
  --prices FILE      prices as JSON, { "my-model": { "input": 1, "output": 4 } } in USD per million tokens, for --findings
  --csv  --json      for spreadsheets and programs; money is in nano-dollars there (and in dollars as "usd")

Exit codes: 0 done, 1 nothing could be read, 2 wrong usage.
`;

/** `holdfast report`. A line that cannot be read is told, counted and skipped. */
export const report: Command = {
  help,
  async run(args, io) {
    try {
      const asked = readArguments(args);
      return await tell(asked, { prices: await readPrices(asked.pricesFile) }, io);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      io.err(`holdfast report: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

async function tell(asked: ReportArguments, prices: CostFindingsOptions, io: Io): Promise<number> {
  const { by, timeZone } = asked;
  const report = spendReport({ by, timeZone });
  const scopes = new Set<string>();
  const patterns = asked.isFindings ? costFindings(prices) : undefined;
  const { entries, problems } = await readAll(asked, io, (entry) => {
    report.add(entry);
    patterns?.add(entry);
    if (entry.event === 'run:start' && scopes.size < SCOPES_KEPT) for (const scope of Object.keys(entry.scopes)) scopes.add(scope);
  });
  if (entries > 0) {
    const style = styleFor(io.isTerminal);
    if (!patterns) show(asked, report, io);
    else if (asked.format === 'json') {
      for (const finding of patterns.findings()) io.out(`${JSON.stringify({ ...finding, usd: finding.nanoUsd / 1e9 })}\n`);
    } else {
      const { nanoUsd } = report.total();
      io.out(`${reportTable([], [], report.total(), 0, style)}\n${findingsText(patterns.findings(), nanoUsd, style)}`);
    }
  }
  if (report.lostEntries > 0)
    io.err(`holdfast report: ${report.lostEntries} entries were lost while the log was written; the sums are too small\n`);
  if (problems > 1) io.err(`holdfast report: ${problems} places could not be read\n`);
  for (const key of patterns ? [] : by) hintAt(by, key, report, scopes, io);
  return entries === 0 ? exitCodes.failed : exitCodes.ok;
}

const SCOPES_KEPT = 32;

/** A name that nothing in the logs has is more often misspelled than meant. */
function hintAt(by: readonly string[], key: string, report: SpendReport, scopes: ReadonlySet<string>, io: Io): void {
  const place = by.indexOf(key);
  const rows = report.rows();
  if (knownKeys.includes(key) || scopes.has(key) || rows.length === 0 || rows.some(({ keys }) => keys[place] !== '')) return;
  const known = scopes.size === 0 ? 'no scope at all' : `the scopes ${[...scopes].map(printable).join(', ')}`;
  io.err(`holdfast report: no run in these logs has a scope "${printable(key)}"; they have ${known}\n`);
}

type Entry = Parameters<SpendReport['add']>[0];

async function readAll(
  { files, from, to }: ReportArguments,
  io: Io,
  add: (entry: Entry) => void,
): Promise<{ entries: number; problems: number }> {
  const bar = progressBar(io);
  let entries = 0;
  let problems = 0;
  const complain = (text: string): void => {
    bar.clear();
    problems += 1;
    io.err(`holdfast report: ${printable(text)}\n`);
  };
  for (const [index, file] of files.entries()) {
    const onBytes = (read: number, total: number): void =>
      bar.show((index + (total === 0 ? 1 : read / total)) / files.length, printable(file));
    const onProblem = ({ line, problem }: { line: number; problem: string }): void => complain(`${file}:${line}: ${problem}`);
    try {
      for await (const entry of readAuditLog(file, { onBytes, onProblem, signal: io.signal })) {
        if (entry.at < from || entry.at >= to) continue;
        entries += 1;
        add(entry);
      }
    } catch (error) {
      if (io.signal.aborted) throw error;
      complain(`${file}: ${fileProblem(error)}`);
    }
  }
  bar.clear();
  return { entries, problems };
}

function show({ by, format, most }: ReportArguments, report: SpendReport, io: Io): void {
  const rows = report.rows();
  const shown = rows.slice(0, most);
  if (format === 'csv') io.out(reportCsv(by, shown));
  else if (format === 'json') for (const row of shown) io.out(`${JSON.stringify(reportJson(by, row))}\n`);
  else io.out(reportTable(by, shown, report.total(), rows.length - shown.length, styleFor(io.isTerminal)));
}
