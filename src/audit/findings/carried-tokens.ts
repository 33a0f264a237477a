import { carriedFrom, type SentBefore } from '../../core/history.ts';
import type { AuditEntry, StepEndEntry } from '../log/entry.ts';
import { boundedMap } from './groups.ts';

/** A model step whose input was split into what had been sent before and what is new. */
export interface SplitInput {
  readonly carried: number;
  readonly fresh: number;
  /** Which model call of its conversation it is, from 0. */
  readonly turn: number;
}

interface Conversation extends SentBefore {
  readonly turn: number;
}

const CONVERSATIONS = 20_000;

/**
 * Tells how much of each model call's input is history. A call that goes on where the last one of its run (or, for a run's
 * first, of its session) stopped sends that one's input and output again; what is above that is new.
 */
export function carriedTokens(): { split(entry: StepEndEntry): SplitInput; forget(entry: AuditEntry): void } {
  const conversations = boundedMap<Conversation>(CONVERSATIONS);
  return {
    split({ run, tenant, scopes, used }) {
      const inputTokens = used.inputTokens ?? 0;
      const session = scopes['session'] === undefined ? undefined : `s\0${tenant}\0${scopes['session']}`;
      const before = conversations.get(run) ?? (session === undefined ? undefined : conversations.get(session));
      const goesOn = carriedFrom(before, inputTokens);
      const carried = goesOn ?? 0;
      const turn = goesOn === undefined || before === undefined ? 0 : before.turn + 1;
      const now = { inputTokens, outputTokens: used.outputTokens ?? 0, turn };
      conversations.set(run, now);
      if (session !== undefined) conversations.set(session, now);
      return { carried, fresh: inputTokens - carried, turn };
    },
    forget(entry) {
      if (entry.event === 'run:end') conversations.delete(entry.run);
    },
  };
}
