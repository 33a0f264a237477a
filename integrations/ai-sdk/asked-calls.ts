import type { Run } from 'holdfast';
import { recordsOf, type AnyGuard } from './host.ts';

/** Who asked for a tool call. */
export interface Asker {
  /** The run; undefined once it is over, unless it was halted: what follows on a halted run is refused. */
  readonly run: Run | undefined;
  /** Whom it worked for. */
  readonly scopes: Run['scopes'];
}

/** What is needed of a message, whether of the SDK's own prompts or as its users write them. */
export interface Said {
  readonly role: string;
  readonly content: unknown;
}

/** The tool calls that models have asked for, by their ids. */
export interface AskedCalls {
  add(run: Run, conversation: readonly Said[], ids: readonly string[]): void;
  /** The one who asked, or, where providers' ids are not unique, the one of the same conversation. */
  ofAll(ids: readonly string[], conversation: readonly Said[]): Asker | undefined;
  /** The same for one call; where no conversation fits, the newest who asked. */
  of(id: string, conversation: readonly Said[]): Asker | undefined;
}

interface Asked extends Asker {
  readonly runId: string;
  /** How the conversation began. */
  readonly opening: string;
}

/** How many tool calls are remembered; the oldest are forgotten first. */
const CALLS_MAX = 10_000;
/** How many conversations may share the id of a tool call. */
const SHARED_MAX = 16;
/** How much of a conversation's first message tells it from others. */
const OPENING_LENGTH = 200;

/** Remembers calls beyond the end of their runs, but not the runs: one that is over holds all that its detectors have seen. */
export function askedCalls(guard: AnyGuard): AskedCalls {
  const byId = new Map<string, readonly Asked[]>();
  const idsOf = new Map<string, Set<string>>();

  guard.on('run:end', ({ run: { id: runId } }) => {
    const ids = idsOf.get(runId);
    idsOf.delete(runId);
    for (const id of ids ?? []) {
      const asked = byId.get(id) ?? [];
      byId.set(
        id,
        asked.map((each) => (each.runId === runId && !each.run?.haltError ? { ...each, run: undefined } : each)),
      );
    }
  });

  function forgetOldest(): void {
    for (const [id, asked] of byId) {
      if (byId.size <= CALLS_MAX) return;
      byId.delete(id);
      for (const { runId } of asked) idsOf.get(runId)?.delete(id);
    }
  }

  return {
    add(run, conversation, ids) {
      const opening = openingOf(conversation);
      const isOver = run.isEnded && !run.haltError;
      const its = idsOf.get(run.id) ?? new Set();
      if (!run.isEnded) idsOf.set(run.id, its);
      for (const id of ids) {
        const others = (byId.get(id) ?? []).filter((each) => each.runId !== run.id && each.run && !each.run.isEnded);
        byId.delete(id);
        byId.set(id, [...others.slice(1 - SHARED_MAX), { run: isOver ? undefined : run, runId: run.id, scopes: run.scopes, opening }]);
        its.add(id);
      }
      forgetOldest();
    },
    ofAll: (ids, conversation) =>
      amongAsked(
        ids.flatMap((id) => byId.get(id) ?? []),
        conversation,
      ),
    of(id, conversation) {
      const asked = byId.get(id) ?? [];
      return amongAsked(asked, conversation) ?? asked.at(-1);
    },
  };
}

function amongAsked(asked: readonly Asked[], conversation: readonly Said[]): Asker | undefined {
  const [first] = asked;
  if (asked.every(({ runId }) => runId === first?.runId)) return first;
  const opening = openingOf(conversation);
  return asked.findLast((each) => each.opening === opening);
}

/** The beginning of what was first asked in a conversation. */
function openingOf(conversation: readonly Said[]): string {
  const content = conversation.find(({ role }) => role === 'user')?.content;
  if (typeof content === 'string') return content.slice(0, OPENING_LENGTH);
  const texts = recordsOf(content).map(({ text }) => (typeof text === 'string' ? text : ''));
  return texts.join('').slice(0, OPENING_LENGTH);
}
