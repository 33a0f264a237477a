import type { MessageView } from '../../core/step.ts';
import { hasSources, type Sources } from './message-texts.ts';

/** What is remembered of a part of a call that was counted. */
export interface CountedPart {
  readonly sources: Sources;
  readonly tokens: number;
}

/** What was counted of a history, by the places of its messages; a place may be empty. */
export type Places = (CountedPart | undefined)[];

/** The counted histories of late, found again by their messages. Keeps none alive that the host does not. */
export interface Histories {
  /** The places of a history, to be read and filled; what stands there must be checked, for messages change. */
  placesOf(messages: readonly MessageView[]): Places;
}

/** Histories that are known again though all of their messages are new objects. */
const MOST_RECENT = 8;

/**
 * Makes a memory of histories. A history is found by its first message, one weak look-up a call however long it is. Where a framework
 * makes its messages anew at every turn, it goes on from one of the latest: the one whose last message stands at the same place in it.
 * These are held so weakly that the next garbage collection may take them.
 */
export function createHistories(): Histories {
  const byAnchor = new WeakMap<object, Places>();
  const recent: WeakRef<Places>[] = [];

  return {
    placesOf(messages) {
      const anchor = anchorOf(messages);
      const known = byAnchor.get(anchor);
      if (known !== undefined) return known;
      const continued = recent.findIndex((places) => goesOn(messages, places.deref()));
      // A copy, for two histories that begin alike go on apart.
      const places = recent[continued]?.deref()?.slice() ?? [];
      byAnchor.set(anchor, places);
      recent.splice(continued < 0 ? MOST_RECENT - 1 : continued, 1);
      recent.unshift(new WeakRef(places));
      return places;
    },
  };
}

function goesOn(messages: readonly MessageView[], places: Places | undefined): boolean {
  if (places === undefined || places.length > messages.length) return false;
  const last = places.at(-1);
  return last !== undefined && hasSources(messages[places.length - 1]!, last.sources);
}

/** The message that tells one history from another: the first, but for the agent's own instructions. */
const anchorOf = (messages: readonly MessageView[]): object => ownerOf(messages.find(({ role }) => role !== 'system') ?? messages[0]!);

/** The host's own message, which outlives the views that are made of it. */
const ownerOf = (message: MessageView): object => (typeof message.ref === 'object' && message.ref !== null ? message.ref : message);
