/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of an object; none for anything else. */
export const fieldsOf = (value: unknown): Json => (isJson(value) ? value : {});

/** The objects in a list; none for anything else. */
export const recordsOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isJson) : []);

export const stringIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export const numberIn = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** A count, as of tokens or answers; undefined for what is none. */
export const countIn = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;

/** The text of a content, which may be a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return recordsOf(content)
    .map(({ text }) => stringIn(text) ?? '')
    .join('');
}

/** A content with another text: it stands where the first one stood, and what is no text (pictures, files) stays. */
export function withTextIn(content: unknown, text: string): unknown {
  const parts = recordsOf(content);
  const first = parts.findIndex(isText);
  const made = parts.flatMap((part, place) =>
    isText(part) ? (place === first && text !== '' ? [{ type: part['type'], text }] : []) : [part],
  );
  return made.every(isText) ? text : made;
}

const isText = ({ text }: Json): boolean => typeof text === 'string';

/** What JSON says, or undefined for what is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Arguments as a model writes them: an object where they are JSON, else as they are. */
export const parsedArgs = (args: unknown): unknown => (typeof args === 'string' ? (parsedJson(args) ?? args) : args);

/** The object without some of its fields. */
export const without = (body: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
