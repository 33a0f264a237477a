// What the ladder is good for: 200 seeded agents under no guard, hard limits alone, and each preset.
//   node bench/ladder.mjs [--agents 200]
// Needs the build (npm run build). Nothing is timed: the same seeds give the same table.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const load = (file) => import(pathToFileURL(path.join(built, file)).href);
const { cheaperModel, createGuard, presetRungs } = await load('src/index.js');
const { editedCall, toolName } = await load('src/ladder/edited-call.js');

const { values: options } = parseArgs({ options: { agents: { type: 'string', default: '200' } } });
const AGENTS = Number(options.agents);
/** Without a guard an agent would go on for ever; here it is switched off after so many turns. */
const TURNS_MAX = 80;

// ---- seeded agents

/** Mulberry32: the same seed, the same agent. */
const randomOf = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const between = (random, least, most) => least + Math.floor(random() * (most - least + 1));
const syllables = ['ka', 'lo', 'mi', 'ter', 'sun', 'bra', 'vel', 'dor', 'pin', 'gra', 'shu', 'nek', 'fol', 'ram', 'tis', 'qua'];
const prose = (random, words) =>
  Array.from({ length: words }, () => Array.from({ length: between(random, 1, 4) }, () => syllables[between(random, 0, 15)]).join('')).join(
    ' ',
  );

const isTold = ({ messages }) => messages.at(-1)?.text.startsWith('[Notice]') === true;
const hasTools = ({ tools }) => tools.length > 0;
const read = (page) => ({ text: '', toolCalls: [{ name: 'read', args: { page }, id: `c${page}` }] });

/** Each kind: what the model says in a turn. `whole` marks the answer of an agent that finished its own work. */
const kinds = {
  // Reads some pages, and answers.
  works: (random) => {
    const pages = between(random, 4, 14);
    return { words: [50, 200], turn: (nth) => (nth < pages ? read(nth) : { text: prose(random, 60), whole: true }) };
  },
  // Asks the same thing for ever, whatever it is told.
  'is stuck': (random) => {
    const start = between(random, 1, 5);
    return { words: [50, 300], turn: (nth) => read(nth < start ? nth : 99) };
  },
  // Asks the same thing until it is told so; then it goes another way, and finishes.
  'is stuck, and listens': (random) => {
    const start = between(random, 1, 5);
    let toldAt;
    return {
      words: [50, 300],
      turn(nth, call) {
        if (isTold(call)) toldAt ??= nth;
        if (toldAt === undefined) return read(nth < start ? nth : 99);
        return nth < toldAt + 2 ? read(200 + nth) : { text: prose(random, 60), whole: true };
      },
    };
  },
  // Always finds one more thing to look up. Half of them stop when they are told of their budget.
  wanders: (random) => {
    const listens = random() < 0.5;
    return { words: [100, 500], turn: (nth, call) => (listens && isTold(call) ? { text: prose(random, 60), whole: true } : read(nth)) };
  },
  // Has honest work that is too large for its budget, because every page is sent again in every turn.
  'is too dear': (random) => {
    const pages = between(random, 12, 22);
    return { words: [1_000, 1_800], turn: (nth) => (nth < pages ? read(nth) : { text: prose(random, 120), whole: true }) };
  },
};

// ---- a host that follows offers

async function play(guard, kind, seed) {
  const random = randomOf(seed * 7919 + 13);
  const agent = kinds[kind](random);
  const pages = new Map();
  const page = (number) => {
    if (!pages.has(number)) pages.set(number, prose(randomOf(seed * 104729 + number), between(randomOf(seed + number), ...agent.words)));
    return pages.get(number);
  };
  const messages = [
    { role: 'system', text: 'You help people to find things.' },
    { role: 'user', text: prose(random, 30) },
  ];
  const run = guard.start();
  const said = [];
  let answer;
  try {
    for (let turn = 0; turn < TURNS_MAX && answer === undefined; turn += 1) {
      const call = { kind: 'model', model: 'gpt-4o', messages: [...messages], tools: [{ name: 'read' }], maxOutputTokens: 500 };
      const step = await run.begin(call);
      if (step.offer.kind === 'answer') {
        await step.end({ output: step.offer.output });
        answer = { text: step.offer.output };
        break;
      }
      const seen = editedCall(call, step.offer.edits);
      const wants = agent.turn(turn, seen);
      const toolCalls = hasTools(seen) ? (wants.toolCalls ?? []).filter(({ name }) => seen.tools.map(toolName).includes(name)) : [];
      const text = wants.text || (toolCalls.length > 0 ? '' : prose(random, 40));
      const words = (value) => Math.ceil(value.split(/\s+/).length * 1.5);
      await step.end(
        { text, ...(toolCalls.length > 0 ? { toolCalls } : {}) },
        { inputTokens: seen.messages.reduce((sum, message) => sum + words(message.text) + 4, 0), outputTokens: words(text) + 20 },
      );
      messages.push({ role: 'assistant', text, toolCalls });
      said.push(text, seen.model, seen.messages.length);
      if (toolCalls.length === 0) answer = { text, whole: wants.whole === true };
      for (const { name, args, id } of toolCalls) {
        const toolStep = await run.begin({ kind: 'tool', name, args, id, hints: { readOnlyHint: true } });
        const { offer } = toolStep;
        const output = offer.kind === 'answer' ? offer.output : page(args.page);
        await toolStep.end({ output });
        const note = offer.kind === 'answer' ? offer.note : offer.edits.note;
        messages.push({ role: 'tool', name, text: note ? `${output}\n${note}` : output, toolCallId: id });
        said.push(output, note);
      }
    }
  } catch {
    // Halted: no answer.
  }
  await run.end();
  const { used, interventions } = run.report();
  return { answer, usd: used.usd, interventions: interventions.length, transcript: JSON.stringify([said, answer]) };
}

// ---- the table

const budgets = { run: { usd: 0.15, steps: 60 } };
const cheaper = (preset) => presetRungs(preset).toSpliced(1, 0, cheaperModel('gpt-4o-mini', { at: 0.6 }));
const settings = {
  'no guard': { loops: 'off', budgets: { run: { steps: 10_000 } } },
  'hard limits alone': { budgets },
  gentle: { budgets, ladder: 'gentle' },
  standard: { budgets, ladder: 'standard' },
  strict: { budgets, ladder: 'strict' },
  'standard + cheaperModel': { budgets, ladder: cheaper('standard') },
};

const results = {};
for (const [setting, guardOptions] of Object.entries(settings)) {
  const guard = createGuard(guardOptions);
  results[setting] = await Promise.all(
    Array.from({ length: AGENTS }, async (_, seed) => {
      const kind = Object.keys(kinds)[seed % Object.keys(kinds).length];
      return { kind, ...(await play(guard, kind, seed)) };
    }),
  );
  await guard.close();
}

const dollars = (usd) => `$${usd.toFixed(2)}`;
console.log(
  `${AGENTS} agents, $${budgets.run.usd} and ${budgets.run.steps} steps each; without a guard they are switched off after ${TURNS_MAX} turns\n`,
);
console.log('| | answers | of them whole | spent | spent per answer | dearest run | working agents changed |');
console.log('|---|---|---|---|---|---|---|');
for (const [setting, outcomes] of Object.entries(results)) {
  const answers = outcomes.filter(({ answer }) => answer !== undefined).length;
  const whole = outcomes.filter(({ answer }) => answer?.whole).length;
  const spent = outcomes.reduce((sum, { usd }) => sum + usd, 0);
  const changed = outcomes.filter(
    (outcome, at) => outcome.kind === 'works' && outcome.transcript !== results['no guard'][at].transcript,
  ).length;
  const most = Math.max(...outcomes.map(({ usd }) => usd));
  console.log(
    `| ${setting} | ${answers} of ${AGENTS} | ${whole} | ${dollars(spent)} | $${(spent / answers).toFixed(3)} | ${dollars(most)} | ${changed} |`,
  );
}

console.log('\nanswers by kind of agent (whole ones in brackets)\n');
console.log(`| agents that | ${Object.keys(settings).join(' | ')} |`);
console.log(`|---|${'---|'.repeat(Object.keys(settings).length)}`);
for (const kind of Object.keys(kinds)) {
  const cells = Object.values(results).map((outcomes) => {
    const own = outcomes.filter((outcome) => outcome.kind === kind);
    const answered = own.filter(({ answer }) => answer !== undefined);
    return `${answered.length} (${answered.filter(({ answer }) => answer.whole).length})`;
  });
  console.log(`| ${kind} | ${cells.join(' | ')} |`);
}
