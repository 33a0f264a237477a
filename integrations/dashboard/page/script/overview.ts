/** The overview: totals, the chart, budgets as bars, the list of runs. */
export const overviewScript = String.raw`
const CHART = { height: 200, left: 58, right: 8, top: 10, bottom: 22 };

function showOverview(state) {
  const { totals, liveRuns } = state;
  const rows = [['Spend', usd(totals.usd)], ['Tokens', short(totals.tokens)], ['Live runs', count(liveRuns)], ['Halted', count(totals.halts)], ['Loops stopped', count(totals.loops)]];
  fill(byId('totals'), rows.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  showChart(state);
  showBudgets(byId('budgets'), state.accounts, state.canAct, 'No budget has been used yet.');
  byId('runs-count').textContent = count(totals.runs) + ' begun since this page was started';
  const runs = state.runs.map((run) => make('li', { 'data-key': run.run }, runLink(run)));
  fill(byId('runs'), runs.length > 0 ? runs : [make('li', {}, make('p', { class: 'empty' }, 'No run has begun yet. It will be here as soon as one does.'))]);
}

function showChart({ points, stepMs, now }) {
  const { height, left, right, top, bottom } = CHART;
  const width = Math.max(280, byId('chart').clientWidth);
  const end = Math.floor(now / stepMs) * stepMs;
  const start = Math.max(end - 179 * stepMs, Math.min(end - 29 * stepMs, points.length > 0 ? points[0].at : end));
  const known = new Map(points.map((point) => [point.at, point]));
  const series = [];
  for (let at = start; at <= end; at += stepMs) series.push(known.get(at) || { at, usd: 0, tokens: 0 });
  const perMinute = 60000 / stepMs;
  const mostUsd = Math.max(1e-6, ...series.map((point) => point.usd * perMinute));
  const mostTokens = Math.max(1, ...series.map((point) => point.tokens));
  const x = (index) => left + (index / Math.max(1, series.length - 1)) * (width - left - right);
  const y = (share) => height - bottom - share * (height - top - bottom);
  const line = (share) => series.map((point, index) => (index === 0 ? 'M' : 'L') + x(index).toFixed(1) + ' ' + y(share(point)).toFixed(1)).join(' ');
  const spend = line((point) => (point.usd * perMinute) / mostUsd);
  const spoken = 'Spend a minute, at most ' + usd(mostUsd) + ', from ' + clock(start) + ' to ' + clock(end);
  const svg = make('svg', { viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': spoken },
    [0, 0.5, 1].map((share) => make('line', { class: 'grid', x1: left, x2: width - right, y1: y(share), y2: y(share) })),
    [0.5, 1].map((share) => make('text', { x: left - 8, y: y(share) + 4, 'text-anchor': 'end' }, usd(mostUsd * share))),
    make('path', { class: 'area', d: spend + ' L' + x(series.length - 1).toFixed(1) + ' ' + y(0) + ' L' + left + ' ' + y(0) + ' Z' }),
    make('path', { class: 'tokens-line', d: line((point) => point.tokens / mostTokens) }),
    make('path', { class: 'stroke', d: spend }),
    make('text', { x: left, y: height - 5 }, clock(start)),
    make('text', { x: width - right, y: height - 5, 'text-anchor': 'end' }, clock(end)));
  fill(byId('chart'), [svg]);
  byId('chart-legend').textContent = 'dollars a minute; dashed: tokens';
}

function limited(accounts) {
  return accounts.flatMap((account) => Object.entries(account.limits).map(([dimension, limit]) => {
    const used = account.used[dimension], held = account.held[dimension];
    return { account, dimension, limit, used, held, share: limit > 0 ? (used + held) / limit : used + held > 0 ? 1 : 0 };
  })).sort((a, b) => b.share - a.share);
}

function showBudgets(list, accounts, canAct, none) {
  const rows = limited(accounts).slice(0, 30).map((row) => budgetRow(row, canAct));
  fill(list, rows.length > 0 ? rows : [make('li', {}, make('p', { class: 'empty' }, none))]);
}

function budgetRow(row, canAct) {
  const { account, dimension, limit, used, held, share } = row;
  const whose = account.scope === 'global' ? 'global' : account.scope + ' ' + account.id;
  const of = account.tenant === '' || account.tenant === 'default' || account.scope === 'tenant' ? '' : ' of ' + account.tenant;
  const over = account.window === 'lifetime' ? '' : ' · ' + account.window;
  const percent = Math.round(share * 100) + ' %';
  const level = share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : 'good';
  const usedWidth = Math.min(100, limit > 0 ? (used / limit) * 100 : 100);
  const heldWidth = Math.max(0, Math.min(100, share * 100) - usedWidth);
  const bar = make('div', { class: 'bar', 'data-level': level, role: 'meter', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': Math.min(100, Math.round(share * 100)), 'aria-label': whose + ', ' + words[dimension] + ': ' + percent + ' used' },
    make('svg', { viewBox: '0 0 100 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      make('rect', { class: 'track', y: 2, height: 8, width: 100 }),
      make('rect', { class: 'used', y: 2, height: 8, width: usedWidth }),
      make('rect', { class: 'held', y: 2, height: 8, x: usedWidth, width: heldWidth }),
      [50, 80, 95].map((mark) => make('line', { x1: mark, x2: mark, y1: 0, y2: 12, 'vector-effect': 'non-scaling-stroke' }))));
  const raise = canAct ? make('button', { type: 'button', class: 'quiet', onclick: () => askLimit(row, whose) }, 'Set limit', make('span', { class: 'visually-hidden' }, ' of ' + whose + ', ' + words[dimension])) : null;
  return make('li', { 'data-key': [account.tenant, account.scope, account.id, account.window, dimension].join(' ') },
    make('div', { class: 'line' }, make('span', { class: 'name', title: whose + of }, make('bdi', {}, whose + of)), make('span', { class: 'share' }, percent)),
    bar,
    make('div', { class: 'line' }, make('span', { class: 'figures' }, amount(dimension, used) + ' of ' + amount(dimension, limit) + (dimension === 'usd' ? '' : ' ' + words[dimension]) + over), raise));
}

function pill(run) {
  if (run.halted !== null) return make('span', { class: 'pill bad' }, run.halted === 'loop' ? 'halted: loop' : 'halted: ' + run.halted);
  if (run.laps > 0) return make('span', { class: 'pill warn' }, '↻ ' + run.laps + ' laps');
  return run.endedAt === null ? make('span', { class: 'pill live' }, 'live') : make('span', { class: 'pill' }, 'done');
}

function nameOf(run) {
  return run.agent || run.scopes.feature || run.run;
}

function whoOf(run) {
  return Object.entries(run.scopes).map(([scope, id]) => scope + ' ' + id).join(' · ');
}

function runLink(run) {
  return make('a', { href: '#/run/' + encodeURIComponent(run.run), 'data-run': run.run },
    make('span', { class: 'name' }, make('bdi', {}, nameOf(run)), ' ', make('span', { class: 'who' }, make('bdi', {}, whoOf(run)))),
    make('span', { class: 'cell wide' }, counted(run.steps, 'step')),
    make('span', { class: 'cell' }, usd(run.usd)),
    make('span', { class: 'cell' }, pill(run)));
}
`;
