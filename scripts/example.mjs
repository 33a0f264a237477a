// Runs an example: `npm run example -- wrap-an-agent`. Without OPENAI_API_KEY a local server plays the model.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../examples/', import.meta.url);
const names = readdirSync(fileURLToPath(folder)).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []));
const name = process.argv[2];

if (!names.includes(name)) {
  console.error(`Usage: npm run example -- NAME\n\nExamples: ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const built = new URL('../dist/examples/', import.meta.url);
  const { play } = await import(new URL('support/played-model.js', built));
  const { main } = await import(new URL(`${name}.js`, built));
  await play(name, () => (name === 'proxy' ? behindProxy(main) : main()));
}

/** An example that needs `holdfast proxy` gets one, in front of the model that is played. */
async function behindProxy(main) {
  const command = fileURLToPath(new URL('../dist/integrations/cli/main.js', import.meta.url));
  const upstream = process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1';
  const proxy = spawn(process.execPath, [command, 'proxy', '--upstream', upstream, '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(proxy.stdout, 'data');
    process.env.HOLDFAST_PROXY_URL = JSON.parse(String(line)).url;
    await main();
  } finally {
    proxy.kill('SIGTERM');
  }
}
