/** Where the page is, what it listens to, and what it asks to be done. */
export const appScript = String.raw`
// The token comes in the part of the address that is never sent, and is taken out of it at once.
const given = /[#&]token=([^&]*)/.exec(location.hash);
if (given) {
  sessionStorage.setItem('holdfast-token', decodeURIComponent(given[1]));
  history.replaceState(null, '', location.pathname + location.search);
}
const token = sessionStorage.getItem('holdfast-token');
const authorization = token ? { authorization: 'Bearer ' + token } : {};
const state = { overview: null, run: null };
let reading = null;

const runId = () => {
  const found = /^#\/run\/(.+)$/.exec(location.hash);
  if (!found) return null;
  try { return decodeURIComponent(found[1]); } catch { return null; }
};

function connection(name, text) {
  const shown = byId('connection');
  if (shown.dataset.state === name && shown.textContent === text) return;
  shown.dataset.state = name;
  shown.textContent = text;
}

function render() {
  const id = runId();
  byId('overview').hidden = id !== null;
  byId('run').hidden = id === null;
  if (id !== null && !state.run) byId('run').replaceChildren();
  if (!state.overview) return;
  if (id === null) showOverview(state.overview);
  else if (state.run) showRun(state.overview, state.run, id);
}

function take(event, data) {
  state[event] = JSON.parse(data);
  render();
}

async function listen() {
  const mine = new AbortController();
  reading?.abort();
  reading = mine;
  const id = runId();
  while (!mine.signal.aborted) {
    try {
      const response = await fetch('api/events' + (id === null ? '' : '?run=' + encodeURIComponent(id)), { headers: authorization, signal: mine.signal });
      if (!response.ok) throw new Error(response.status === 401 ? 'the token is missing or wrong: open the address that was printed' : await response.text());
      connection('live', 'live');
      await readEvents(response.body.pipeThrough(new TextDecoderStream()));
      throw new Error('the connection ended');
    } catch (error) {
      if (mine.signal.aborted) return;
      connection('lost', 'not connected: ' + error.message);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

async function readEvents(stream) {
  let rest = '';
  for await (const text of iterate(stream)) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const found = /^event: (\w+)\ndata: (.*)$/.exec(block);
      if (found) take(found[1], found[2]);
    }
  }
}

// Not every browser can iterate over a stream.
async function* iterate(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function ask(path, body) {
  const response = await fetch(path, { method: 'POST', headers: { ...authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
}

function openDialog(title, children, action, isDanger, work) {
  const dialog = byId('dialog');
  const error = make('p', { class: 'error', role: 'alert' });
  const form = make('form', { method: 'dialog' }, make('h2', { id: 'dialog-title' }, title), ...children, error,
    make('div', { class: 'actions' }, make('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), make('button', { type: 'submit', class: isDanger ? 'danger' : 'primary' }, action)));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    work(form).then(() => dialog.close(), (problem) => { error.textContent = problem.message; });
  });
  dialog.replaceChildren(form);
  dialog.showModal();
}

function askLimit({ account, dimension, limit }, whose) {
  const input = make('input', { name: 'limit', type: 'number', min: 0, step: dimension === 'usd' ? 'any' : 1, value: dimension === 'usd' ? Number((limit * 2).toPrecision(6)) : limit * 2, required: true });
  openDialog('Set a limit', [make('p', {}, whose + ': ' + words[dimension] + ', now ' + amount(dimension, limit)), make('label', {}, 'New limit (' + words[dimension] + ')', input)], 'Set limit', false,
    () => ask('api/limit', { tenant: account.tenant, scope: account.scope, id: account.id, dimension, limit: Number(input.value) }));
  input.select();
}

function askHalt(detail) {
  openDialog('Halt this run?', [make('p', {}, nameOf(detail) + ': no further step will begin. This cannot be undone.')], 'Halt run', true, () => ask('api/halt', { run: detail.run }));
}

addEventListener('hashchange', () => {
  // What is there of another run must not be taken for this one, nor be halted in its place.
  state.run = null;
  render();
  listen();
  byId('main').focus();
  scrollTo(0, 0);
});
render();
listen();
`;
