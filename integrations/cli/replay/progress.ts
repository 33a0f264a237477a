import type { Io } from '../io.ts';

const EVERY_MS = 100;
const WIDTH = 24;

/** A progress bar on standard error, on a terminal only. */
export function progressBar({ err, isErrTerminal }: Io) {
  let lastAt = 0;
  let isShown = false;
  const clear = (): void => {
    if (isShown) err('\r\u001B[K');
    isShown = false;
  };
  return {
    show(share: number, label: string): void {
      if (!isErrTerminal || Date.now() - lastAt < EVERY_MS) return;
      lastAt = Date.now();
      isShown = true;
      const filled = Math.round(Math.min(1, Math.max(0, share)) * WIDTH);
      err(`\r\u001B[K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.round(share * 100)} % ${label}`);
    },
    /** Takes the bar away, so that other text can be written. */
    clear,
  };
}
