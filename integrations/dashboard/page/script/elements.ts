/** Makes elements and words. */
export const elementsScript = String.raw`
const FOCUSABLE = 'a,button,[tabindex]';
const byId = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const isSvg = /^(svg|path|line|rect|text|circle|title)$/.test(name);
  const element = isSvg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

// Puts new children in place of the old, and leaves alone what has not changed. The focus stays with its row, also where that moves.
function fill(parent, children) {
  const old = [...parent.children];
  const row = old.find((child) => child.contains(document.activeElement));
  const place = row ? [...row.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement) : -1;
  children.forEach((child, index) => {
    const before = old[index];
    if (!before) parent.append(child);
    else if (!before.isEqualNode(child)) before.replaceWith(child);
  });
  for (const rest of old.slice(children.length)) rest.remove();
  if (place < 0) return;
  const { key } = row.dataset;
  const now = key === undefined ? parent.children[old.indexOf(row)] : [...parent.children].find((child) => child.dataset.key === key);
  now?.querySelectorAll(FOCUSABLE)[place]?.focus();
}

const usd = (value) => value > 0 && value < 0.00005 ? '<$0.0001' : '$' + value.toFixed(value !== 0 && Math.abs(value) < 0.1 ? 4 : 2);
const count = (value) => Math.round(value).toLocaleString('en-US');
const counted = (value, word) => count(value) + ' ' + word + (value === 1 ? '' : 's');
const short = (value) => value < 10000 ? count(value) : value < 1e6 ? (value / 1e3).toFixed(1) + 'k' : (value / 1e6).toFixed(2) + 'M';
const amount = (dimension, value) => dimension === 'usd' ? usd(value) : short(value);
const words = { usd: 'dollars', tokens: 'tokens', inputTokens: 'input tokens', outputTokens: 'output tokens', reasoningTokens: 'reasoning tokens', steps: 'steps', modelCalls: 'model calls', toolCalls: 'tool calls' };
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
function lasted(ms) {
  if (ms < 1000) return Math.round(ms) + ' ms';
  if (ms < 59950) return (ms / 1000).toFixed(1) + ' s';
  const seconds = Math.round(ms / 1000);
  return Math.floor(seconds / 60) + ' min ' + (seconds % 60) + ' s';
}
`;
