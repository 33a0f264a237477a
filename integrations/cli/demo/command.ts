import { parseArgs } from 'node:util';
import { exitCodes, type Command, type Io } from '../io.ts';
import { count, styleFor, type Style } from '../style.ts';
import type * as Scenes from './scenes.ts';
import type { GuardedSums, Model, NovelSums, SceneSums, Watcher } from './scenes.ts';
import { demoModel, LIVE_CALLS, question, UNGUARDED_CALLS } from './story.ts';

const help = `holdfast demo: the same runaway agent, without a guard and with one

Usage: holdfast demo [--live [--model NAME]] [--json]

A support agent looks up an order in a service that is down, and tries again for ever. You see what that costs,
what the guard sees and does, and what becomes of a user who pastes a novel. Everything is real (a LangChain agent,
ChatOpenAI, HTTP, streaming) but the model, which a local server plays: no key, no network.

  --live        talk to a real model: needs OPENAI_API_KEY (and takes OPENAI_BASE_URL); spends a few cents
  --model NAME  the model for --live (default ${demoModel})
  --json        print one JSON object instead of a story
`;

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { live: { type: 'boolean' }, model: { type: 'string' }, json: { type: 'boolean' } },
  });
  const key = io.env['OPENAI_API_KEY'];
  if (values.live && !key) {
    io.err('holdfast demo: --live needs OPENAI_API_KEY; leave --live out to see it without a key\n');
    return exitCodes.usage;
  }
  // Loaded here, so that --help needs no LangChain.
  const scenes = await import('./scenes.ts');
  const server = values.live ? undefined : await scenes.playedModel();
  const model: Model = server
    ? { name: demoModel, baseURL: server.url, apiKey: 'none' }
    : { name: values.model ?? demoModel, baseURL: io.env['OPENAI_BASE_URL'], apiKey: key ?? '' };
  const calls = values.live ? LIVE_CALLS : UNGUARDED_CALLS;
  try {
    await play(scenes, { model, calls, isJson: values.json === true, sent: () => server?.requests.length ?? 0 }, io);
  } finally {
    await server?.close();
  }
  return exitCodes.ok;
}

async function play(
  { guarded, pastedNovel, unguarded }: typeof Scenes,
  { model, calls, isJson, sent }: { model: Model; calls: number; isJson: boolean; sent: () => number },
  io: Io,
): Promise<void> {
  const style = styleFor(io.isTerminal && !isJson);
  const say = isJson ? (): void => {} : (text = ''): void => io.out(`${text}\n`);
  say(style.bold('holdfast demo') + ': a support agent whose order service is down');
  say(
    style.dim(
      model.baseURL?.includes('127.0.0.1')
        ? 'A local server plays the model; everything else is real. Prices are those of gpt-4o.'
        : `The model is ${model.name}.`,
    ),
  );

  say(`\n${style.bold('1  Without a guard')}\n`);
  say(`   user: ${question}`);
  const without = await unguarded(model, calls, isJson ? {} : watchTurns(io, style), io.signal);
  say(`   We stopped it after ${without.modelCalls} model calls. It had no answer, and would have gone on.`);

  say(`\n${style.bold('2  The same agent, guarded')}\n`);
  say(style.dim('   const guard = createGuard({ budgets: { run: { usd: 0.5, steps: 60 } }, fallback });'));
  say(style.dim('   await guardAgent(agent, guard).invoke(…)'));
  say(`\n   ${style.dim('step  what                      tokens      so far')}`);
  const withGuard = await guarded(model, isJson ? {} : watchSteps(say, style), io.signal);
  say(`\n   agent: ${style.good(withGuard.answer ?? '(no answer)')}`);

  say(`\n${style.bold('3  A user pastes a novel into the chat box')}\n`);
  const pasted = await pastedNovel(model, sent);
  say(`   ${count(pasted.characters)} characters, a budget of ${count(pasted.limit)} input tokens.`);
  say(`   ${style.bad('refused')}: ${pasted.reason}`);
  say(`   Nothing was sent: ${pasted.requestsSent} requests, ${dollars(pasted.usdSaved)} not spent.`);

  if (isJson) io.out(`${JSON.stringify(summary(without, withGuard, pasted))}\n`);
  else for (const line of table(without, withGuard, style)) say(line);
}

/** The unguarded agent: one line that grows on a terminal, every tenth call elsewhere. */
function watchTurns(io: Io, style: Style): { turn(sums: { modelCalls: number; tokens: number; usd: number; inputTokens: number }): void } {
  return {
    turn({ modelCalls, tokens, usd, inputTokens }) {
      const line = `   model call ${String(modelCalls).padStart(3)}   ${count(tokens).padStart(9)} tokens   ${style.bad(dollars(usd))}   ${style.dim(`this turn read ${count(inputTokens)}`)}`;
      if (io.isTerminal) io.out(`\r\u001B[K${line}${modelCalls % 10 === 0 ? '\n' : ''}`);
      else if (modelCalls % 10 === 0) io.out(`${line}\n`);
    },
  };
}

function watchSteps(say: (text?: string) => void, style: Style): Watcher {
  return {
    step: ({ index, kind, name, used }, usd) =>
      say(
        `   ${String(index).padStart(4)}  ${`${kind} ${name}`.padEnd(24)}${(kind === 'model' ? count(used.tokens) : '').padStart(8)}   ${dollars(usd)}`,
      ),
    verdict: ({ level, reason }) => say(`         ${level === 'halt' ? style.bad('■ halt') : style.warn('! warn')}  ${reason}`),
  };
}

function summary(without: SceneSums, withGuard: GuardedSums, pasted: NovelSums): object {
  return {
    unguarded: without,
    guarded: {
      ...withGuard,
      verdicts: withGuard.verdicts.map(({ evidence: _evidence, ...verdict }) => verdict),
      halt: withGuard.halt && { cause: withGuard.halt.cause, step: withGuard.halt.step, reason: withGuard.halt.reason },
    },
    novel: pasted,
    saved: { tokens: without.tokens - withGuard.tokens, usd: without.usd - withGuard.usd },
  };
}

function table(without: SceneSums, withGuard: SceneSums, style: Style): string[] {
  const row = (name: string, a: string, b: string, saved: string): string =>
    `   ${name.padEnd(14)}${a.padStart(14)}${b.padStart(14)}${saved.padStart(10)}`;
  const saved = (a: number, b: number): string => (a > 0 ? `${Math.round((1 - b / a) * 100)} %` : '');
  const line = (name: string, a: number, b: number, shown: (amount: number) => string): string =>
    row(name, shown(a), shown(b), saved(a, b));
  return [
    `\n${style.bold('   What it came to')}\n`,
    style.dim(row('', 'without', 'guarded', 'saved')),
    line('model calls', without.modelCalls, withGuard.modelCalls, count),
    line('tokens', without.tokens, withGuard.tokens, count),
    line('dollars', without.usd, withGuard.usd, dollars),
    row('answer', without.answer === null ? 'none' : 'yes', withGuard.answer === null ? 'none' : 'yes', ''),
    '',
    style.dim('   Next: the README has one short story for each way to use it; examples/ has them as files that run.'),
  ];
}

const dollars = (usd: number): string => `$${usd.toFixed(4)}`;

export const demo: Command = { help, run };
