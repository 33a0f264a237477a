import { createMeter, type MeterOptions } from 'holdfast';
import { readOption } from './read-option.ts';

/** The prices in the file of `--prices`, checked. */
export const readPrices = async (file: string | undefined): Promise<MeterOptions['prices']> =>
  file === undefined
    ? undefined
    : readOption('--prices', file, (value) => {
        const prices = value as MeterOptions['prices'];
        createMeter({ prices });
        return prices;
      });
