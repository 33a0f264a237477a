/** Where a command writes, and what it may assume of the place. Tests hand in their own. */
export interface Io {
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress and complaints. */
  readonly err: (text: string) => void;
  /** Whether a person watches `out`: then colours, and lines that change, are welcome. */
  readonly isTerminal: boolean;
  /** The same for `err`. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends long work: Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How a command ends. A halt is neither a success nor a failure. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, halted: 3 } as const;

/** A command of `holdfast`. */
export interface Command {
  /** The whole help text. */
  readonly help: string;
  /** Does the work; resolves to the exit code. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** The terminal that the process was started in. */
export function processIo(signal: AbortSignal): Io {
  const { env, stdout, stderr } = process;
  const wantsColours = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTerminal: stdout.isTTY && wantsColours,
    isErrTerminal: stderr.isTTY && wantsColours,
    columns: stdout.columns || 80,
    env,
    signal,
  };
}
