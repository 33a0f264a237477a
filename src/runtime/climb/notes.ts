/** The notes of all rungs on one run tree. */
export interface RungNotes {
  /** What a rung has noted for good. */
  of(rung: string): Map<string, unknown>;
  /** Notes of offers that are not taken yet. */
  draft(): NotesDraft;
  /** What can outlive the process. */
  save(): SavedNotes;
}

export type SavedNotes = readonly (readonly [rung: string, notes: readonly (readonly [key: string, value: unknown])[]])[];

/** Notes that are kept only if the offer is taken for which they were made. */
export interface NotesDraft {
  of(rung: string): Map<string, unknown>;
  /** A further draft on top of this one. */
  branch(): NotesDraft;
  keep(): void;
}

/** A longer note is a text that a rung can make again. */
const SAVED_MAX_CHARACTERS = 64_000;

export function rungNotes(restored: SavedNotes = []): RungNotes {
  const kept = new Map(restored.map(([rung, notes]) => [rung, new Map<string, unknown>(notes)]));
  const of = (rung: string): Map<string, unknown> => {
    let notes = kept.get(rung);
    if (!notes) kept.set(rung, (notes = new Map()));
    return notes;
  };
  const draftOn = (below: (rung: string) => Map<string, unknown>, keepBelow: () => void): NotesDraft => {
    const drafts = new Map<string, { readonly before: ReadonlyMap<string, unknown>; readonly notes: Map<string, unknown> }>();
    const notesOf = (rung: string): Map<string, unknown> => {
      let draft = drafts.get(rung);
      if (!draft) {
        const before = new Map(below(rung));
        drafts.set(rung, (draft = { before, notes: new Map(before) }));
      }
      return draft.notes;
    };
    const draft: NotesDraft = {
      of: notesOf,
      branch: () => draftOn(notesOf, draft.keep),
      keep() {
        keepBelow();
        // Only what has changed: another step may have noted something meanwhile.
        for (const [rung, { before, notes }] of drafts) {
          const target = of(rung);
          for (const [key, value] of notes) if (before.get(key) !== value) target.set(key, value);
          for (const key of before.keys()) if (!notes.has(key)) target.delete(key);
        }
      },
    };
    return draft;
  };
  return {
    of,
    draft: () => draftOn(of, () => {}),
    save: () => [...kept].map(([rung, notes]) => [rung, [...notes].filter(([, value]) => isSavable(value))]),
  };
}

function isSavable(value: unknown): boolean {
  try {
    return (JSON.stringify(value)?.length ?? Infinity) <= SAVED_MAX_CHARACTERS;
  } catch {
    return false;
  }
}
