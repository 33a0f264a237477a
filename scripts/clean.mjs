/** Removes what the build and the tests leave behind. */
import { rmSync } from 'node:fs';
import path from 'node:path';

for (const folder of ['dist', 'coverage']) rmSync(path.join(import.meta.dirname, '..', folder), { recursive: true, force: true });
