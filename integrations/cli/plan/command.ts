import { createMeter, readAuditLog, type Meter } from 'holdfast';
import { fileProblem } from '../file-problem.ts';
import { exitCodes, type Command, type Io } from '../io.ts';
import { readPrices } from '../read-prices.ts';
import { progressBar } from '../replay/progress.ts';
import { printable, styleFor } from '../style.ts';
import { UsageError } from '../usage-error.ts';
import { readArguments, type PlanArguments } from './arguments.ts';
import { costOfCalls, describedCalls, withCap, withHalfHistory, type CallTokens } from './calls.ts';
import { loggedUse } from './from-log.ts';
import { planMarkdown, planTable } from './page.ts';
import { planOf, type PlanInput, type Saving } from './plan.ts';
import { constant } from './spread.ts';

const help = `holdfast plan [FILE…]   the page for finance: what agents will cost, and what would save

With audit logs (FILE…) the figures are those of your own interactions, by p50 and p95; without, they come from:

  --model NAME         default gpt-4o-mini
  --input N            input tokens of the first model call of an interaction (default 1500)
  --growth N           tokens that each further call sends on top (default 500)
  --output N           output tokens of a call (default 400)
  --calls N            model calls of an interaction (default 3)
  --interactions N     interactions of a user and day (default 10, or as logged)

  --users N  --days N  users who are active on a day, and days of a month (default 1000 and 30)
  --budget USD         what a user may spend on a day (default 0.50)
  --cheaper A,B        models to compare with
  --cap N              an output cap to compare with (default: half the mean output)
  --feature NAME       only the interactions of this feature (with FILE…)
  --prices FILE        prices as JSON: { "my-model": { "input": 1, "output": 4 } }, USD per million tokens
  --json  --markdown   for programs, and for a document

Exit codes: 0 done, 1 nothing could be read, 2 wrong usage.
`;

const PER_USER_DAY = 10;

/** `holdfast plan`. */
export const plan: Command = {
  help,
  async run(args, io) {
    try {
      const asked = readArguments(args);
      const meter = createMeter({ prices: await readPrices(asked.pricesFile) });
      const input = asked.files.length > 0 ? await fromLogs(asked, meter, io) : fromNumbers(asked, meter);
      if (!input) {
        io.err('holdfast plan: no interaction could be read\n');
        return exitCodes.failed;
      }
      const page = planOf(input);
      if (asked.format === 'json') io.out(`${JSON.stringify(page)}\n`);
      else io.out(asked.format === 'markdown' ? planMarkdown(page) : planTable(page, styleFor(io.isTerminal)));
      return exitCodes.ok;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      io.err(`holdfast plan: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

function fromNumbers(asked: PlanArguments, meter: Meter): PlanInput {
  const { model, modelCalls, inputTokens, outputTokens, growthTokens, perUserDay = PER_USER_DAY } = asked;
  const calls = describedCalls(model, modelCalls, inputTokens, outputTokens, growthTokens);
  const sum = (tokens: (call: CallTokens) => number): number => calls.reduce((total, call) => total + tokens(call), 0);
  return {
    ...asked,
    model,
    interaction: {
      usd: constant(costOfCalls(meter, calls)),
      modelCalls: calls.length,
      inputTokens: sum((call) => call.inputTokens),
      outputTokens: sum((call) => call.outputTokens),
    },
    perUserDay: constant(perUserDay),
    savings: savingsOf(asked, meter, calls, 1, costOfCalls(meter, calls)),
  };
}

async function fromLogs(asked: PlanArguments, meter: Meter, io: Io): Promise<PlanInput | undefined> {
  const use = loggedUse(asked.feature);
  const bar = progressBar(io);
  const complain = (text: string): void => {
    bar.clear();
    io.err(`holdfast plan: ${printable(text)}\n`);
  };
  const onProblem = ({ file, line, problem }: { file: string; line: number; problem: string }): void =>
    complain(`${file}:${line}: ${problem}`);
  for (const [index, file] of asked.files.entries()) {
    const onBytes = (read: number, total: number): void =>
      bar.show((index + (total === 0 ? 1 : read / total)) / asked.files.length, printable(file));
    try {
      for await (const entry of readAuditLog(file, { onBytes, onProblem, signal: io.signal })) use.add(entry);
    } catch (error) {
      if (io.signal.aborted) throw error;
      complain(`${file}: ${fileProblem(error)}`);
    }
  }
  bar.clear();
  const interaction = use.interaction();
  if (!interaction) return undefined;
  const { calls, interactions } = use.sample;
  // A log may hold models without a list price: then only what can be priced is compared.
  const priced = calls.filter(({ model }) => meter.price(model) !== undefined);
  return {
    ...asked,
    model: use.mainModel,
    interaction,
    perUserDay: asked.perUserDay === undefined ? use.perUserDay() : constant(asked.perUserDay),
    savings: priced.length === calls.length ? savingsOf(asked, meter, priced, interactions, interaction.usd.mean) : [],
  };
}

/** Each change is worked out on its own: together they save less than their sum. */
function savingsOf(asked: PlanArguments, meter: Meter, calls: readonly CallTokens[], interactions: number, meanUsd: number): Saving[] {
  const before = costOfCalls(meter, calls) / interactions;
  // What was booked and what the list says may differ (tools, discounts): the change is applied as a share.
  const after = (usd: number): number => (before > 0 ? meanUsd * (usd / interactions / before) : meanUsd);
  const meanOutput = calls.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / Math.max(1, calls.length);
  const cap = asked.cap ?? Math.max(1, Math.round(meanOutput / 2));
  return [
    ...asked.cheaperModels.map((model) => ({ what: `the model ${model}`, usd: after(costOfCalls(meter, calls, model)) })),
    { what: 'half the history', usd: after(costOfCalls(meter, withHalfHistory(calls))) },
    { what: `an output cap of ${cap} tokens`, usd: after(costOfCalls(meter, withCap(calls, cap))) },
  ];
}
