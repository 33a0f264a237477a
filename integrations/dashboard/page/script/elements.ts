/** Makes elements and words. */
export const elementsScript = String.raw`
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

// Puts new children in place of the old, and leaves alone what has not changed, so that the focus stays where it is.
function fill(parent, children) {
  const old = [...parent.children];
  children.forEach((child, index) => {
    const before = old[index];
    if (!before) parent.append(child);
    else if (!before.isEqualNode(child)) {
      const focused = before.contains(document.activeElement) ? [...before.querySelectorAll('a,button')].indexOf(document.activeElement) : -1;
      before.replaceWith(child);
      if (focused >= 0) child.querySelectorAll('a,button')[focused]?.focus();
    }
  });
  for (const rest of old.slice(children.length)) rest.remove();
}

const usd = (value) => '$' + value.toFixed(value !== 0 && Math.abs(value) < 0.1 ? 4 : 2);
const count = (value) => Math.round(value).toLocaleString('en-US');
const short = (value) => value < 10000 ? count(value) : value < 1e6 ? (value / 1e3).toFixed(1) + 'k' : (value / 1e6).toFixed(2) + 'M';
const amount = (dimension, value) => dimension === 'usd' ? usd(value) : short(value);
const words = { usd: 'dollars', tokens: 'tokens', inputTokens: 'input tokens', outputTokens: 'output tokens', reasoningTokens: 'reasoning tokens', steps: 'steps', modelCalls: 'model calls', toolCalls: 'tool calls' };
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
function lasted(ms) {
  if (ms < 1000) return Math.round(ms) + ' ms';
  if (ms < 60000) return (ms / 1000).toFixed(1) + ' s';
  return Math.floor(ms / 60000) + ' min ' + Math.round((ms % 60000) / 1000) + ' s';
}
`;
