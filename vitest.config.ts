import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const conditions = ['holdfast-source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    // Many tests wait for servers and processes: on two cores, too, two files at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    // Some hooks start servers and browsers, all at once on a small machine.
    hookTimeout: 60_000,
    // `npm run types` checks the sources; here only the type tests count.
    typecheck: { enabled: true, include: ['test/types/**/*.test-d.ts'], tsconfig: './tsconfig.json', ignoreSourceErrors: true },
  },
});
