import { appScript } from './script/app.ts';
import { elementsScript } from './script/elements.ts';
import { overviewScript } from './script/overview.ts';
import { runScript } from './script/run.ts';

/** The page's script, one module. Data goes in by textContent and attributes alone: no name can become markup. */
export const script = [elementsScript, overviewScript, runScript, appScript].join('\n');
