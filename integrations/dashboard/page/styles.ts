/** Calm by intention: one accent, colour only where something is wrong, numbers that do not jump. */
export const styles = `
:root {
  --ground: #f6f7f9; --card: #ffffff; --line: #e3e6eb; --text: #1a2029; --soft: #586273;
  --accent: #2f5fd0; --accent-soft: #dfe8fb; --good: #14704a; --warn: #8f5400; --warn-soft: #fdf0d9; --bad: #b3261e; --bad-soft: #fce8e6;
  --track: #e9ecf1; --mark: #9aa4b5; --fill-warn: #d98a14; --fill-bad: #cf3d34;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --card: #171c23; --line: #272e38; --text: #e6e9ee; --soft: #a1abba;
    --accent: #86aaff; --accent-soft: #1f2c47; --good: #5fcf9c; --warn: #f0b35a; --warn-soft: #33270f; --bad: #ff8f86; --bad-soft: #3a1b19;
    --track: #242b35; --mark: #5d6878; --fill-warn: #d99a3c; --fill-bad: #e0625a;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; }
body { margin: 0 auto; max-width: 1180px; padding: 0 20px 56px; }
a { color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
main:focus { outline: none; }
.skip { position: absolute; left: -999px; top: 8px; background: var(--card); padding: 8px 14px; border-radius: 8px; }
.skip:focus { left: 12px; z-index: 2; }
header { display: flex; align-items: baseline; justify-content: space-between; padding: 22px 2px 18px; }
h1 { font-size: 18px; letter-spacing: -0.01em; margin: 0; }
h1 a { text-decoration: none; }
h2 { font-size: 14px; font-weight: 600; margin: 0; }
h3 { font-size: 13px; font-weight: 600; margin: 0; }
#connection { margin: 0; color: var(--soft); font-size: 13px; }
#connection::before { content: ''; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--mark); margin-right: 8px; }
#connection[data-state='live']::before { background: var(--good); }
#connection[data-state='lost']::before { background: var(--fill-bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 18px 20px; margin-bottom: 16px; min-width: 0; }
.card-head { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; margin-bottom: 12px; flex-wrap: wrap; }
.legend { color: var(--soft); font-size: 13px; margin: 0; }
.columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 16px; align-items: start; }
.totals { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 16px; margin: 0 0 16px; }
.totals div { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 14px 18px; }
.totals dt { color: var(--soft); font-size: 13px; }
.totals dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
figure { margin: 0; }
svg { display: block; width: 100%; }
svg text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.area { fill: var(--accent); opacity: 0.14; } .stroke { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.tokens-line { fill: none; stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 3 3; } .grid { stroke: var(--line); }
ul, ol { list-style: none; margin: 0; padding: 0; }
.budgets li { padding: 9px 0; border-top: 1px solid var(--line); } .budgets li:first-child { border-top: 0; padding-top: 0; }
.line { display: flex; align-items: baseline; gap: 10px; justify-content: space-between; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; unicode-bidi: isolate; }

.share { font-size: 13px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures { color: var(--soft); font-size: 13px; min-width: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.bar { margin: 6px 0 4px; }
.bar svg { height: 12px; overflow: visible; } .bar .track { fill: var(--track); }
.bar rect.used { fill: var(--accent); } .bar rect.held { fill: var(--accent); opacity: 0.35; } .bar line { stroke: var(--mark); stroke-width: 1; }
.bar[data-level='warn'] rect.used { fill: var(--fill-warn); } .bar[data-level='bad'] rect.used { fill: var(--fill-bad); }
button { font: inherit; font-size: 13px; white-space: nowrap; flex: none; color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 4px 11px; cursor: pointer; }
button.quiet { border-color: transparent; background: none; color: var(--accent); padding: 2px 6px; margin: -2px -6px; }
button:hover { border-color: var(--mark); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--card); }
button.danger { color: var(--bad); }
.runs li { border-top: 1px solid var(--line); } .runs li:first-child { border-top: 0; }
.runs a { display: grid; grid-template-columns: minmax(0, 1fr) 76px 76px 108px; gap: 12px; align-items: center; padding: 9px 8px; margin: 0 -8px; text-decoration: none; border-radius: 8px; }
.runs a:hover { background: var(--ground); }
.who { color: var(--soft); font-size: 13px; }
.runs .cell { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pill { display: inline-block; font-size: 12px; border-radius: 999px; padding: 1px 10px; background: var(--track); color: var(--soft); white-space: nowrap; }
.pill.live { background: var(--accent-soft); color: var(--accent); } .pill.warn { background: var(--warn-soft); color: var(--warn); } .pill.bad { background: var(--bad-soft); color: var(--bad); }
.empty { color: var(--soft); margin: 0; padding: 6px 0; }
.run-head { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; margin: 0 0 14px; }
.run-head h2 { font-size: 20px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
.run-head .actions { margin-left: auto; display: flex; gap: 8px; }
.facts { color: var(--soft); margin: 0 0 16px; overflow-wrap: anywhere; }
.card > .facts:last-child { margin-bottom: 0; }
.loop { border: 1px solid var(--line); border-left: 4px solid var(--fill-warn); border-radius: 10px; padding: 12px 14px; margin-bottom: 12px; }
.loop[data-level='halt'] { border-left-color: var(--fill-bad); }
.loop p { margin: 4px 0 10px; color: var(--soft); overflow-wrap: anywhere; }
.laps { display: flex; gap: 6px; overflow-x: auto; padding-bottom: 4px; }
.lap { flex: none; border-radius: 10px; background: var(--ground); border: 1px solid var(--line); padding: 6px 8px; text-align: center; }
.lap b { display: block; font-weight: 600; font-size: 11px; color: var(--soft); margin-bottom: 4px; }
.chip { display: block; font: 12px/1.5 var(--mono); max-width: 150px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--warn); }
.loop[data-level='halt'] .chip { color: var(--bad); }
.timeline li { display: grid; grid-template-columns: 42px minmax(0, 1fr) 150px 92px 92px; gap: 12px; align-items: center; padding: 7px 8px; border-left: 3px solid transparent; font-variant-numeric: tabular-nums; }
.timeline li + li { border-top: 1px solid var(--line); }
.timeline li[data-loop] { border-left-color: var(--fill-warn); background: color-mix(in srgb, var(--warn-soft) 45%, transparent); }
.timeline .number { color: var(--soft); font-size: 13px; text-align: right; }
.timeline .tool { font-family: var(--mono); font-size: 13px; }
.timeline .cell { text-align: right; font-size: 13px; white-space: nowrap; }
.timeline .soft { color: var(--soft); }
.spend { height: 6px; } .spend rect { fill: var(--accent); } .spend rect.held { opacity: 0.25; }
.spend.turns { height: 56px; } .spend.turns rect.held { opacity: 0.35; }
.climbs li { padding: 5px 0; overflow-wrap: anywhere; }
dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: var(--text); padding: 20px 22px; width: min(420px, calc(100vw - 32px)); box-shadow: 0 12px 40px rgb(0 0 0 / 0.2); }
dialog::backdrop { background: rgb(10 14 20 / 0.45); }
dialog h2 { font-size: 16px; margin-bottom: 8px; } dialog p { color: var(--soft); margin: 0 0 14px; overflow-wrap: anywhere; }
dialog label { display: block; font-size: 13px; margin-bottom: 14px; }
dialog input, dialog select { display: block; width: 100%; font: inherit; margin-top: 5px; padding: 8px 10px; border-radius: 8px; border: 1px solid var(--mark); background: var(--ground); color: var(--text); }
dialog .actions { display: flex; justify-content: flex-end; gap: 8px; } dialog .error { color: var(--bad); }
.notice { text-align: center; color: var(--soft); }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 760px) {
  body { padding: 0 12px 40px; }
  .columns { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .totals { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .totals div:first-child { grid-column: span 2; }
  .runs a { grid-template-columns: minmax(0, 1fr) auto auto; row-gap: 2px; }
  .runs .wide { display: none; }
  .timeline li { grid-template-columns: 30px minmax(0, 1fr) auto; row-gap: 2px; }
  .timeline .wide { display: none; }
  .card { padding: 14px; }
}
@media (prefers-reduced-motion: no-preference) { .bar rect, .spend rect { transition: width 0.3s ease-out; } }
`;
