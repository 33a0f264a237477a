/** Colours for a terminal, and the same texts bare for everything else. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

export function styleFor(isTerminal: boolean): Style {
  const ansi =
    (open: number, close: number) =>
    (text: string): string =>
      isTerminal ? `\u001B[${open}m${text}\u001B[${close}m` : text;
  return { bold: ansi(1, 22), dim: ansi(2, 22), good: ansi(32, 39), warn: ansi(33, 39), bad: ansi(31, 39) };
}

/** A text as a terminal may show it: control and direction characters of hostile names are made visible. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);

export const count = (amount: number): string => amount.toLocaleString('en-US');
