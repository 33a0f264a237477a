import { randomUUID } from 'node:crypto';
import type { Guard, Run } from 'holdfast';
import type { History } from './history.ts';

/** What is known of a request before its run is found. */
export interface Asking {
  /** Whose conversations they are: the key and the scopes. Those of others are never gone on with. */
  readonly owner: string;
  readonly scopes: Readonly<Record<string, string>>;
  /** The run by the client's own name for it. */
  readonly run: string | undefined;
  readonly history: History | undefined;
}

/** A request's place in a run. */
export interface Place {
  readonly run: Run;
  /** The conversation goes on from this response of the provider's. */
  remember(responseId: string): void;
  /** The request has been served, or was not: then the same once more is another try of it. */
  leave(isFailed?: boolean): void;
}

/** The runs that are alive, found again by the client's name for them or by what was said so far. */
export interface Conversations {
  /** Undefined where as many runs as may be are busy at once. */
  enter(asking: Asking): Place | undefined;
  readonly size: number;
  /** Ends every run. */
  close(): Promise<void>;
}

interface Conversation {
  readonly owner: string;
  /** Its own session is among them, where sessions have a budget and the client names none. */
  readonly scopes: Readonly<Record<string, string>>;
  /** The name that the client gave the run. */
  readonly named: string | undefined;
  run: Run;
  instructions: string | undefined;
  /** What it is found by: beginnings of its history, newest last. */
  readonly tips: string[];
  busy: number;
  usedAt: number;
  /** The newest request came to nothing. */
  hasFailed: boolean;
}

const TIPS_MAX = 64;

/**
 * Keeps the runs of a proxy. A request belongs to the run that its `holdfast-run` names; without a name, to the one whose
 * history it makes longer. The same history once more is a run of its own, for two people may say the same, unless it came to
 * nothing: then it is another try. A run that was
 * stopped stays so for as long as it is asked on; a new word of the user's begins another in the same session.
 */
export function conversations(
  guard: Guard<string>,
  { most, idleMs, hasSessions }: { readonly most: number; readonly idleMs: number; readonly hasSessions: boolean },
): Conversations {
  const byName = new Map<string, Conversation>();
  const byTip = new Map<string, Conversation[]>();
  /** In the order of their last use. */
  const all = new Set<Conversation>();

  const timer = setInterval(sweep, Math.max(10, Math.min(idleMs / 2, 30_000)));
  timer.unref();

  function sweep(): void {
    const before = Date.now() - idleMs;
    for (const conversation of all) {
      if (conversation.usedAt > before) break;
      if (conversation.busy === 0) forget(conversation);
    }
  }

  function forget(conversation: Conversation): void {
    all.delete(conversation);
    if (conversation.named !== undefined) byName.delete(conversation.named);
    for (const tip of conversation.tips) untip(tip, conversation);
    conversation.run.end().catch(() => {});
  }

  function untip(tip: string, conversation: Conversation): void {
    const among = byTip.get(tip);
    const place = among?.indexOf(conversation) ?? -1;
    if (!among || place < 0) return;
    if (among.length === 1) byTip.delete(tip);
    else among.splice(place, 1);
  }

  function tip(conversation: Conversation, print: string): void {
    if (conversation.tips.at(-1) === print) return;
    conversation.tips.push(print);
    const among = byTip.get(print);
    if (!among) byTip.set(print, [conversation]);
    else if (among.push(conversation) > TIPS_MAX) among.shift();
    if (conversation.tips.length > TIPS_MAX) untip(conversation.tips.shift()!, conversation);
  }

  function found({ owner, run, history }: Asking): Conversation | undefined {
    if (run !== undefined) return byName.get(nameOf(owner, run));
    if (!history) return undefined;
    if (history.previous !== undefined) return best(byTip.get(responseTip(owner, history.previous)), history);
    const whole = history.prints.at(-1);
    const again = whole === undefined ? undefined : byTip.get(whole);
    const failed = again?.filter(({ tips, hasFailed, busy }) => hasFailed && busy === 0 && tips.at(-1) === whole);
    if (failed && failed.length > 0) return best(failed, history);
    for (let length = history.prints.length - 1; length > 0; length -= 1) {
      const conversation = best(byTip.get(history.prints[length - 1]!), history);
      if (conversation) return conversation;
    }
    return undefined;
  }

  /** Of several with the same beginning: one that waits for just this, and has the same instructions. */
  function best(among: readonly Conversation[] | undefined, { prints, instructions }: History): Conversation | undefined {
    const rank = (conversation: Conversation): number =>
      (prints.includes(conversation.tips.at(-1)!) ? 4 : 0) +
      (conversation.busy === 0 ? 2 : 0) +
      (conversation.instructions === instructions ? 1 : 0);
    return among && among.length > 1 ? among.toSorted((a, b) => rank(b) - rank(a))[0] : among?.[0];
  }

  function room(): boolean {
    if (all.size < most) return true;
    for (const conversation of all) {
      if (conversation.busy > 0) continue;
      forget(conversation);
      return true;
    }
    return false;
  }

  const started = (scopes: Asking['scopes']): Run => guard.start({ scopes, parent: null });

  function begun({ owner, scopes: given, run: name }: Asking): Conversation {
    const scopes = hasSessions ? { session: randomUUID(), ...given } : given;
    const named = name === undefined ? undefined : nameOf(owner, name);
    const conversation: Conversation = {
      owner,
      scopes,
      named,
      run: started(scopes),
      instructions: undefined,
      tips: [],
      busy: 0,
      usedAt: 0,
      hasFailed: false,
    };
    if (named !== undefined) byName.set(named, conversation);
    return conversation;
  }

  function touch(conversation: Conversation): void {
    conversation.usedAt = Date.now();
    all.delete(conversation);
    all.add(conversation);
  }

  return {
    enter(asking) {
      let conversation = found(asking);
      if (!conversation) {
        if (!room()) return undefined;
        conversation = begun(asking);
      } else if (isOver(conversation.run) && mayGoOn(conversation, asking)) {
        conversation.run.end().catch(() => {});
        conversation.run = started(conversation.scopes);
      }
      const { history } = asking;
      if (history) {
        conversation.instructions = history.instructions;
        const whole = history.prints.at(-1);
        if (whole !== undefined) tip(conversation, whole);
      }
      conversation.busy += 1;
      touch(conversation);
      const here = conversation;
      let isLeft = false;
      return {
        run: here.run,
        remember: (responseId) => {
          if (all.has(here)) tip(here, responseTip(here.owner, responseId));
        },
        leave(isFailed = false) {
          if (isLeft) return;
          isLeft = true;
          here.busy -= 1;
          here.hasFailed = isFailed;
          if (all.has(here)) touch(here);
        },
      };
    },
    get size() {
      return all.size;
    },
    async close() {
      clearInterval(timer);
      const open = [...all];
      all.clear();
      byName.clear();
      byTip.clear();
      await Promise.all(open.map(({ run }) => run.end()));
    },
  };
}

/** Whether a new run takes the place of one that is over: a new word of the user's, or the time has come that the refusal named. */
function mayGoOn({ run, tips }: Conversation, { run: named, history }: Asking): boolean {
  if (run.isEnded) return true;
  const { denial } = run.report().halt ?? {};
  if (typeof denial?.resetsAt === 'number' && Date.now() >= denial.resetsAt) return true;
  return named === undefined && history !== undefined && history.endsWithUser && history.prints.at(-1) !== tips.at(-1);
}

/** Whether a run was stopped, be it softly by its last answer. */
const isOver = (run: Run): boolean => run.isEnded || run.report().halt !== undefined;

const nameOf = (owner: string, run: string): string => `${owner}\n${run}`;
const responseTip = (owner: string, id: string): string => `response ${owner}\n${id}`;
