/** One process of a scene: loads the checkpoints, says one thing to the agent, keeps the checkpoints, and tells what came of it. */
import { existsSync } from 'node:fs';
import { Command, MemorySaver } from '@langchain/langgraph';
import { keep, loaded, waitingScene, type SceneOptions } from './waiting-scene.ts';

export interface ProcessOptions extends Omit<SceneOptions, 'checkpointer'> {
  readonly file: string;
  readonly say?: string;
  readonly resume?: unknown;
}

const { file, say, resume, ...options } = JSON.parse(process.argv[2] ?? '') as ProcessOptions;
const checkpointer = existsSync(file) ? loaded(file) : new MemorySaver();
const { guard, agent, searched } = waitingScene({ ...options, checkpointer });
const ids: string[] = [];
const reports: unknown[] = [];
guard.on('run:start', ({ run }) => void ids.push(run.id));
guard.on('run:end', ({ report }) => void reports.push(report));
const input = say === undefined ? new Command({ resume }) : { messages: [{ role: 'user', content: say }] };
const config = { configurable: { thread_id: 'one', user_id: 'u1' }, recursionLimit: 200 };
const told = await agent.invoke(input, config).then(
  ({ messages, __interrupt__ }) => ({ answer: messages.at(-1)?.text, interrupts: __interrupt__ }),
  (error: { code?: string; message: string; cause?: { code?: string } }) => ({
    error: error.code ?? error.cause?.code,
    message: error.message,
  }),
);
await guard.close();
keep(checkpointer, file);
process.stdout.write(JSON.stringify({ ...told, searched, ids, reports }));
