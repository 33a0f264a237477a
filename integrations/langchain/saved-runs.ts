import { randomUUID } from 'node:crypto';
import type { Run, RunSnapshot } from 'holdfast';
import { answeredHandoffs, type AnsweredHandoffs } from './answered-handoffs.ts';
import { recordsOf } from './message-views.ts';
import { settingsOf } from './model-call.ts';
import { withinTime } from './within-time.ts';

/** The part of LangGraph's checkpointers that is used. */
interface Checkpointer {
  getTuple(config: object): Promise<{ readonly config: object; readonly pendingWrites?: readonly unknown[] } | undefined>;
  putWrites(config: object, writes: readonly (readonly [string, unknown])[], taskId: string): Promise<void>;
}

/** A thread of a checkpointer. */
export interface Thread {
  readonly checkpointer: Checkpointer;
  readonly threadId: string;
  /** The checkpoint that is being worked on, where the host names it; else the newest. */
  readonly checkpointId?: string | undefined;
}

/** A run as it was left in a checkpoint. */
export interface SavedRun {
  readonly run: RunSnapshot;
  readonly answers: AnsweredHandoffs | undefined;
  readonly savedAt: number;
}

/** Beside what LangGraph itself writes to a checkpoint that is not finished: it goes where the interrupt is kept, and as long. */
const CHANNEL = '__holdfast__';
/** A checkpointer that takes longer is in trouble, and the host will say so. */
const CHECKPOINTER_MAX_MS = 5_000;

/** The id of the thread in a host's `configurable` or metadata. */
export function threadIdIn(fields: unknown): string | undefined {
  const { thread_id: id } = settingsOf(fields);
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}

/** A thread, where there is one and a checkpointer that keeps it. */
export function threadIn(checkpointer: unknown, configurable: unknown): Thread | undefined {
  const threadId = threadIdIn(configurable);
  const { getTuple, putWrites } = settingsOf(checkpointer);
  if (threadId === undefined || typeof getTuple !== 'function' || typeof putWrites !== 'function') return undefined;
  const checkpointId = settingsOf(settingsOf(configurable)['checkpoint_map'])[''];
  return {
    checkpointer: checkpointer as Checkpointer,
    threadId,
    ...(typeof checkpointId === 'string' ? { checkpointId } : {}),
  };
}

const configOf = ({ threadId, checkpointId }: Thread): object => ({
  configurable: { thread_id: threadId, checkpoint_ns: '', ...(checkpointId === undefined ? {} : { checkpoint_id: checkpointId }) },
});

/**
 * Leaves a run that waits for a person in the checkpoint of its thread, so that it can go on in another process. Where the
 * checkpointer does not take it, the run waits in this process alone.
 */
export async function saveRun(thread: Thread, run: Run): Promise<void> {
  const saved: SavedRun = { run: run.snapshot(), answers: answeredHandoffs(run.id), savedAt: Date.now() };
  await withinTime(write(thread, saved), CHECKPOINTER_MAX_MS);
}

async function write(thread: Thread, saved: SavedRun): Promise<void> {
  const { checkpointer } = thread;
  const config = thread.checkpointId === undefined ? (await checkpointer.getTuple(configOf(thread)))?.config : configOf(thread);
  // Checkpointers keep the first of what one task writes to a place: each save is a task of its own.
  if (config) await checkpointer.putWrites(config, [[CHANNEL, saved]], randomUUID());
}

/** What a checkpoint holds of runs that wait, and whether it waits for anybody at all. */
export interface Waiting {
  /** By run, the newest state of each. */
  readonly runs: readonly SavedRun[];
  readonly isInterrupted: boolean;
}

/** What waits at the newest checkpoint of a thread. */
export async function waitingAt({ checkpointer, threadId }: Thread): Promise<Waiting> {
  // What cannot be read here cannot be read by the host either, and that tells of it.
  const tuple = await withinTime(checkpointer.getTuple(configOf({ checkpointer, threadId })), CHECKPOINTER_MAX_MS);
  const writes = (tuple?.pendingWrites ?? []).filter((each): each is unknown[] => Array.isArray(each));
  const newest = new Map<string, SavedRun>();
  for (const [, channel, value] of writes) {
    if (channel !== CHANNEL || !isSavedRun(value)) continue;
    const known = newest.get(value.run.runId);
    if (!known || isNewer(value, known)) newest.set(value.run.runId, value);
  }
  return { runs: [...newest.values()], isInterrupted: writes.some(([, channel]) => channel === '__interrupt__') };
}

/** Whether a checkpoint that a caller names is the newest of its thread; it is where none is named. */
export async function isNewest(thread: Thread | undefined, checkpointId: unknown): Promise<boolean> {
  if (checkpointId === undefined || !thread) return checkpointId === undefined;
  const { checkpointer, threadId } = thread;
  const tuple = await withinTime(checkpointer.getTuple(configOf({ checkpointer, threadId })), CHECKPOINTER_MAX_MS);
  return settingsOf(settingsOf(tuple?.config)['configurable'])['checkpoint_id'] === checkpointId;
}

const isNewer = (a: SavedRun, b: SavedRun): boolean => (a.run.steps === b.run.steps ? a.savedAt > b.savedAt : a.run.steps > b.run.steps);

const isSavedRun = (value: unknown): value is SavedRun => {
  const [saved] = recordsOf([value]);
  return typeof saved?.['savedAt'] === 'number' && typeof settingsOf(saved['run'])['runId'] === 'string';
};
