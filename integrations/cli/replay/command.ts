import type { LoopPreset } from 'holdfast';
import { fileProblem } from '../file-problem.ts';
import { UsageError } from '../usage-error.ts';
import { readArguments, readTools, type ReplayArguments } from './arguments.ts';
import { jsonLine } from './json-line.ts';
import { exitCodes, type Command, type Io } from '../io.ts';
import { printable, styleFor } from '../style.ts';
import { progressBar } from './progress.ts';
import { readRuns } from './read-runs.ts';
import { replayRun, type ReplayOptions } from './replay-run.ts';
import { count, emptyTally, summary, type Tally } from './summary.ts';
import { counted } from './short-count.ts';
import { timeline } from './timeline.ts';

const help = `holdfast replay FILE…   what a guard would have done with recorded runs

Reads .jsonl, .json and .gz files: traces ({ id, steps: […] }), chat transcripts (a list of messages,
or { messages: […] }), OpenTelemetry GenAI spans (OTLP JSON), logs of auditLog(). An audit log holds no
content, so that nothing in it can be judged again: its verdicts and figures are shown as they were
written down, whatever --loops, --tools and --model say; the limits below are applied to it.

  --json             one line per run: id, haltedAt, cause, verdicts, tokens and USD saved
  --all              show also the runs without a verdict
  --loops PRESET     gentle, standard (default), strict, off
  --tools FILE       tool policies as JSON: { "job_status": { "poll": true } }
  --steps N          limit of steps a run (default 250; 'none' for no limit)
  --tokens N  --usd N  --model-calls N  --tool-calls N
  --model NAME       the model to price by, where a file names none or another

Exit codes: 0 no run would have been halted, 3 at least one would, 1 nothing could be read, 2 wrong usage.
`;

/** `holdfast replay`. A line that cannot be read is told, counted and skipped. */
export const replay: Command = {
  help,
  async run(args, io) {
    try {
      const asked = readArguments(args);
      const tools = asked.toolsFile === undefined ? {} : await readTools(asked.toolsFile);
      return await replayFiles(asked, { loops: { loops: asked.preset, tools }, limits: asked.limits, model: asked.model }, io);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      io.err(`holdfast replay: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

const OTHER_PRESETS: readonly LoopPreset[] = ['gentle', 'standard', 'strict'];

async function replayFiles(asked: ReplayArguments, options: ReplayOptions, io: Io): Promise<number> {
  const style = styleFor(io.isTerminal);
  const bar = progressBar(io);
  const presets = asked.isJson ? [asked.preset] : [...new Set([...OTHER_PRESETS, asked.preset])];
  const tallies = new Map<string, Tally>(presets.map((preset) => [preset, emptyTally()]));
  let problems = 0;
  let halted = 0;
  const tell = (text: string): void => {
    bar.clear();
    problems++;
    io.err(`holdfast replay: ${text}\n`);
  };
  for (const [index, file] of asked.files.entries()) {
    const onBytes = (read: number, total: number): void =>
      bar.show((index + (total === 0 ? 1 : read / total)) / asked.files.length, printable(file));
    try {
      for await (const reading of readRuns(file, onBytes)) {
        io.signal.throwIfAborted();
        if (reading.kind === 'problem') {
          tell(`${reading.file}:${reading.line}: ${reading.problem}`);
          continue;
        }
        for (const preset of presets) {
          const replayed = replayRun(reading.run, { ...options, loops: { ...options.loops, loops: preset } });
          const tally = tallies.get(preset);
          if (tally) count(tally, replayed);
          if (preset !== asked.preset) continue;
          if (replayed.haltedAt !== null) halted++;
          if (asked.isJson) io.out(`${jsonLine(replayed)}\n`);
          else if (asked.isAll || replayed.verdicts.length > 0 || replayed.haltedAt !== null) {
            bar.clear();
            io.out(`${timeline(replayed, style, io.columns)}\n`);
          }
        }
      }
    } catch (error) {
      if (io.signal.aborted) throw error;
      tell(`${file}: ${fileProblem(error)}`);
    }
  }
  bar.clear();
  const runs = tallies.get(asked.preset)?.runs ?? 0;
  if (!asked.isJson) io.out(summary(tallies, asked.preset, style));
  if (problems > 0) io.err(`holdfast replay: ${counted(problems, 'place')} could not be read\n`);
  return runs === 0 ? exitCodes.failed : halted > 0 ? exitCodes.halted : exitCodes.ok;
}
