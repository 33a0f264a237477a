/** Lines that wait to be written, up to so many characters. What does not fit is counted, not kept. */
export interface LineQueue {
  /** False when there is no room: the line is lost, and counted. */
  push(line: string): boolean;
  /** The oldest lines as one text, at most about this long, and how many they are; empty when none waits. */
  take(most: number): { readonly text: string; readonly count: number };
  /** How many lines were lost since this was last asked. */
  takeLost(): number;
  readonly isEmpty: boolean;
}

/** Lines leave in order, and the array is cut only now and then: taking one is not a copy of the rest. */
const CUT_AFTER = 1_024;

export function lineQueue(capacity: number): LineQueue {
  let lines: string[] = [];
  let first = 0;
  let size = 0;
  let lost = 0;
  return {
    push(line) {
      if (size + line.length > capacity) {
        lost += 1;
        return false;
      }
      lines.push(line);
      size += line.length;
      return true;
    },
    take(most) {
      let end = first;
      let length = 0;
      for (; end < lines.length && (length === 0 || length < most); end += 1) length += lines[end]?.length ?? 0;
      const taken = lines.slice(first, end);
      first = end;
      size -= length;
      if (first === lines.length || first > CUT_AFTER) {
        lines = lines.slice(first);
        first = 0;
      }
      return { text: taken.join(''), count: taken.length };
    },
    takeLost() {
      const count = lost;
      lost = 0;
      return count;
    },
    get isEmpty() {
      return first === lines.length;
    },
  };
}
