/** One run: its budgets, its loops drawn as laps, what the ladder did, its steps. */
export const runScript = String.raw`
function showRun(state, { detail, accounts }, id) {
  const section = byId('run');
  if (!detail) {
    fill(section, [make('div', { class: 'run-head' }, make('a', { href: '#/' }, '← All runs')), make('p', { class: 'empty' }, 'Nothing is known of this run (any more).')]);
    return;
  }
  const isLive = detail.endedAt === null;
  const head = make('div', { class: 'run-head', 'data-key': 'head' },
    make('a', { href: '#/' }, '← All runs'),
    make('h2', {}, make('bdi', {}, nameOf(detail))), pill(detail),
    make('span', { class: 'actions' }, isLive && state.canAct && detail.halted === null ? make('button', { type: 'button', class: 'danger', onclick: () => askHalt(detail) }, 'Halt run') : null));
  const facts = make('p', { class: 'facts' }, [usd(detail.usd), short(detail.tokens) + ' tokens', counted(detail.steps, 'step'), isLive ? 'since ' + clock(detail.startedAt) : lasted(detail.endedAt - detail.startedAt), whoOf(detail), 'run ' + id].filter(Boolean).join(' · '));
  const cards = [head, facts];
  if (detail.haltReason !== null) cards.push(card('Why it was halted', make('p', { class: 'facts' }, detail.haltReason)));
  if (detail.loops.length > 0) cards.push(card('Loops', ...detail.loops.map((loop) => loopCard(loop, detail))));
  if (accounts.length > 0) {
    const list = make('ul', { class: 'budgets' });
    showBudgets(list, accounts, state.canAct, '');
    cards.push(card('Budget of this run', list));
  }
  if (detail.climbs.length > 0) cards.push(card('The ladder', make('ul', { class: 'climbs' }, detail.climbs.map((climb) =>
    make('li', {}, make('span', { class: 'pill' }, climb.isShadow ? 'would have' : climb.pressure), ' step ' + climb.step + ': ' + climb.rung + (climb.detail ? ', ' + climb.detail : ''))))));
  if (detail.history.turns > 2) cards.push(historyCard(detail));
  cards.push(card('Steps' + (detail.hidden > 0 ? ' (the newest ' + detail.timeline.length + ')' : ''), timelineOf(detail)));
  fill(section, cards);
}

function card(title, ...children) {
  return make('section', { class: 'card', 'aria-label': title, 'data-key': title }, make('div', { class: 'card-head' }, make('h2', {}, title)), ...children);
}

// The steps of a loop, lap by lap: side by side, the same again and again is seen at a glance.
function loopCard(loop, detail) {
  const names = new Map(detail.timeline.map((step) => [step.step, step.name]));
  const perLap = Math.max(1, Math.round(loop.steps.length / Math.max(1, loop.laps)));
  const laps = [];
  for (let first = 0; first < loop.steps.length; first += perLap) laps.push(loop.steps.slice(first, first + perLap));
  const waste = ' · ' + counted(loop.wasteSteps, 'step') + (loop.wasteUsd > 0 ? ' and ' + usd(loop.wasteUsd) : '') + ' for nothing';
  return make('div', { class: 'loop', 'data-level': loop.level },
    make('h3', {}, '↻ ' + loop.laps + ' laps of ' + loop.kind + waste),
    make('p', {}, loop.reason),
    make('div', { class: 'laps', role: 'group', tabindex: 0, 'aria-label': loop.laps + ' laps of the same steps' }, laps.slice(-40).map((steps, index) =>
      make('div', { class: 'lap' }, make('b', {}, 'lap ' + (Math.max(0, laps.length - 40) + index + 1)), steps.map((step) => make('span', { class: 'chip', title: 'step ' + step }, make('bdi', {}, names.get(step) || 'step ' + step)))))));
}

// Each turn as a bar: what had been sent before, and on top of it what is new.
function historyCard({ history, timeline }) {
  const turns = timeline.filter((step) => step.kind === 'model' && step.inputTokens > 0).slice(-60);
  const most = Math.max(1, ...turns.map((step) => step.inputTokens));
  const told = Math.round(history.share * 100) + ' % of all input had been sent before; each turn adds ' + short(history.freshTokensPerTurn) + ' tokens (pale: sent before, strong: new)';
  const bars = turns.flatMap((step, index) => {
    const [again, whole] = [step.carriedTokens, step.inputTokens].map((tokens) => (tokens / most) * 40);
    const at = { x: index * 10 + 1, width: 8 };
    return [make('rect', { class: 'held', ...at, y: 40 - again, height: again }), make('rect', { ...at, y: 40 - whole, height: whole - again }, make('title', {}, 'step ' + step.step + ': ' + short(step.inputTokens) + ' tokens, ' + short(step.carriedTokens) + ' of them again'))];
  });
  return card('History', make('p', { class: 'facts' }, told),
    make('svg', { class: 'spend turns', viewBox: '0 0 ' + Math.max(30, turns.length) * 10 + ' 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'Input of each turn: ' + told }, bars));
}

function timelineOf(detail) {
  const looping = new Set(detail.loops.flatMap((loop) => loop.steps));
  const most = Math.max(1e-9, ...detail.timeline.map((step) => Math.max(step.usd, step.heldUsd)));
  if (detail.timeline.length === 0) return make('p', { class: 'empty' }, 'No step yet.');
  return make('ol', { class: 'timeline' }, detail.timeline.toReversed().map((step) => {
    const tokens = step.inputTokens + step.outputTokens;
    const state = step.outcome === 'open' ? '…' : step.outcome === 'ok' ? lasted(step.durationMs) : step.outcome;
    return make('li', { 'data-loop': looping.has(step.step) },
      make('span', { class: 'number' }, step.step),
      make('span', { class: 'name' }, make('bdi', { class: step.kind === 'tool' ? 'tool' : undefined }, step.name), looping.has(step.step) ? make('span', { class: 'visually-hidden' }, ' (part of a loop)') : null, step.rungs.length > 0 ? make('span', { class: 'who' }, ' ' + step.rungs.join(', ')) : null),
      make('svg', { class: 'spend wide', viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        make('rect', { class: 'held', height: 6, width: (step.heldUsd / most) * 100 }), make('rect', { height: 6, width: (step.usd / most) * 100 })),
      make('span', { class: 'cell soft wide' }, tokens > 0 ? short(tokens) + ' tok' : ''),
      make('span', { class: 'cell' }, step.usd > 0 ? usd(step.usd) + (step.isEstimated ? ' ~' : '') : make('span', { class: 'soft' }, state)));
  }));
}
`;
