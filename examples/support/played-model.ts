import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';

/** Asks for the same tool, with the same arguments, for ever. */
const stuck =
  (name: string, args: object): OpenAIScript =>
  () => ({ toolCalls: [{ name, args }] });

/** What the model says in each example, so that they run without a key and a network. */
const scripts: Readonly<Record<string, OpenAIScript>> = {
  'wrap-an-agent': stuck('find_flight', { to: 'Oslo' }),
  proxy: stuck('find_flight', { to: 'Oslo' }),
  'callback-handler': stuck('search', { query: 'news' }),
  middleware: (_, turn) => ({ text: 'On to the next page.', toolCalls: [{ name: 'read_page', args: { page: turn + 1 } }] }),
  'soft-landing': ({ tools }, turn) =>
    tools.length === 0
      ? 'The manual has a chapter per page; I have read the first ones.'
      : { text: 'On to the next page.', toolCalls: [{ name: 'read_page', args: { page: turn + 1 } }] },
  'ai-sdk': ({ tools }, turn) =>
    tools.length === 0
      ? '\nThe manual has a chapter per page; I have read the first ones.'
      : { text: 'On to the next page.', toolCalls: [{ name: 'read_page', args: { page: turn + 1 } }] },
  'raw-sdk': (_, turn) => (turn < 2 ? { toolCalls: [{ name: 'read_page', args: { page: turn + 1 } }] } : 'The manual has two pages.'),
  'openai-agents': ({ tools }) => ({ toolCalls: [{ name: tools[0] ?? '', args: {} }] }),
  langgraph: ({ tools, messages }, turn) => {
    if (tools.length === 0) return 'The manual has a chapter per page.';
    return messages.some(({ text }) => text.includes('enough'))
      ? `I have read ${turn} pages.`
      : { toolCalls: [{ name: 'read_page', args: { page: turn + 1 } }] };
  },
  'agent-executor': (_, turn) => ({ toolCalls: [{ name: 'list_files', args: { folder: `/${'sub/'.repeat(turn)}` } }] }),
};

/** Plays the model of an example: a local server that speaks OpenAI's protocol. */
export const startPlayedModel = (example: string): Promise<OpenAIServer> =>
  startOpenAIServer({ script: scripts[example] ?? (() => 'Hello!') });

/** Runs an example against its played model, or against the real one when the environment names a key. */
export async function play(example: string, main: () => Promise<void>): Promise<void> {
  const { env } = process;
  if (env['OPENAI_API_KEY']) return main();
  const server = await startPlayedModel(example);
  const before = env['OPENAI_BASE_URL'];
  env['OPENAI_API_KEY'] = 'none';
  env['OPENAI_BASE_URL'] = server.url;
  try {
    await main();
  } finally {
    delete env['OPENAI_API_KEY'];
    if (before === undefined) delete env['OPENAI_BASE_URL'];
    else env['OPENAI_BASE_URL'] = before;
    await server.close();
  }
}
