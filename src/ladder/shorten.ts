/** The share of a shortened text that is its beginning; the rest is its end. */
const HEAD = 0.7;

/**
 * A text cut down to about `maxTokens`: its beginning and its end, with a line between them that says what is missing.
 * A text that fits is returned as it is.
 */
export function shorten(text: string, maxTokens: number, count: (text: string) => number): string {
  if (maxTokens === Infinity) return text;
  const tokens = count(text);
  if (tokens <= maxTokens) return text;
  // The line in the middle takes about a dozen tokens of its own.
  let length = Math.floor((text.length * Math.max(1, maxTokens - 12)) / tokens);
  let shortened = cut(text, length);
  while (count(shortened) > maxTokens && length > 16) {
    length = Math.floor(length * 0.8);
    shortened = cut(text, length);
  }
  return shortened;
}

function cut(text: string, length: number): string {
  const head = Math.ceil(length * HEAD);
  const tail = length - head;
  const left = text.length - head - tail;
  return `${whole(text.slice(0, head))}\n[… ${left} characters left out …]\n${tail > 0 ? whole(text.slice(-tail)) : ''}`;
}

/** A character of two units is not cut in half. */
const whole = (text: string): string => text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');

/** The first `length` characters in one line. */
export function oneLine(text: string, length: number): string {
  const line = text
    .slice(0, length * 2)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > length ? `${whole(line.slice(0, length))}…` : line;
}
