/**
 * Takes out of a result what changes by itself: colours, clocks, durations, ids, addresses, process and line numbers.
 * What stays is what the call really answered.
 */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

const RULES: readonly (readonly [RegExp, string])[] = [
  [ESCAPES, ''],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '#id'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?)?/g, '#time'],
  [/\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M)?\b/gi, '#time'],
  [/\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?)\b/gi, '#duration'],
  [/\b0x[0-9a-f]{4,}\b/gi, '#id'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b/gi, '#id'],
  [/\b(line|pid|process|port|attempt|try|request|cell|execution|call)(?: (?:no|number|id)\.?)?(\s*[#:=]?\s*)\d+/gi, '$1$2#n'],
  [/\b(In|Out) ?\[\d+\]/g, '$1[#n]'],
];

/** Texts above this length are compared as they are beyond it. */
const SCANNED_MAX = 32_768;

/** A result without its volatile parts. */
export function settled(text: string): string {
  let head = text.length > SCANNED_MAX ? text.slice(0, SCANNED_MAX) : text;
  for (const [pattern, mark] of RULES) head = head.replace(pattern, mark);
  head = head.trim();
  return text.length > SCANNED_MAX ? head + text.slice(SCANNED_MAX) : head;
}
