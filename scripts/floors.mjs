/**
 * Which floor may import what. `sees` are folders (relative imports), `types` folders of which only types may be imported,
 * `packages` bare imports; `lazy` bare imports that must be dynamic. `node:` modules are allowed everywhere but in the core,
 * which is given the pure ones by name.
 *
 * The one sentence behind it: src/ needs only Node and the core dependencies; integrations/x/ needs the public API and x.
 */
const floor = (folder, { sees = [], types = [], packages = [], lazy = [], node = true } = {}) => ({
  folder,
  sees: [folder, ...sees],
  types,
  packages,
  lazy,
  node,
});

const core = 'src/core';
const ground = ['src/meter', 'src/stores', 'src/loops', 'src/ladder'];
const langchain = ['langchain', '@langchain/core', '@langchain/langgraph', '@langchain/classic', '@langchain/openai'];
const peers = [...langchain, 'ioredis', 'redis', 'prom-client', '@opentelemetry/api', 'ai', '@openai/agents'];
const integration = (name, packages = []) => floor(`integrations/${name}`, { packages: ['holdfast', ...packages] });

export const floors = [
  floor(core, { node: ['node:crypto'] }),
  floor('src/meter', { sees: [core], packages: ['js-tiktoken', '@pydantic/genai-prices', 'zod'] }),
  floor('src/stores', { sees: [core] }),
  floor('src/loops', { sees: [core], packages: ['zod'] }),
  floor('src/ladder', { sees: [core], packages: ['zod'] }),
  floor('src/runtime', { sees: [core, ...ground], packages: ['eventemitter3', 'p-queue', 'zod'] }),
  floor('src/audit', { sees: [core, ...ground], types: ['src/runtime'], packages: ['p-queue'] }),
  floor('src/testing', { sees: [core, ...ground, 'src/runtime', 'src/audit'] }),
  floor('src', { sees: [core, ...ground, 'src/runtime', 'src/audit'] }),
  integration('langchain', langchain),
  integration('redis', ['ioredis', 'redis']),
  integration('prometheus', ['prom-client']),
  integration('opentelemetry', ['@opentelemetry/api']),
  integration('http'),
  integration('ai-sdk', ['ai']),
  integration('openai-agents', ['@openai/agents']),
  integration('fetch'),
  integration('dashboard'),
  // The demo's scenes are loaded only when they are played.
  floor('integrations/cli/demo', { sees: ['integrations/cli'], packages: ['holdfast', 'holdfast/*', ...langchain, 'zod'] }),
  // The proxy's configuration is checked, and told to editors, by zod.
  floor('integrations/cli/proxy', { sees: ['integrations/cli'], packages: ['holdfast', 'holdfast/*', 'zod'], lazy: peers }),
  floor('integrations/cli', {
    sees: ['integrations/cli/demo', 'integrations/cli/proxy'],
    packages: ['holdfast', 'holdfast/*'],
    lazy: peers,
  }),
  floor('examples', { packages: ['holdfast', 'holdfast/*', ...peers, '@ai-sdk/openai', 'openai', 'zod'] }),
];
