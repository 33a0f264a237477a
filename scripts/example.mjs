// Runs an example: `npm run example -- wrap-an-agent`. Without OPENAI_API_KEY a local server plays the model.
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
  await play(name, () => main());
}
