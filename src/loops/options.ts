import { z } from 'zod';
import { durationMs, isDuration, type Duration } from '../core/duration.ts';
import { detectorNames, type DetectorName } from './detector-names.ts';
import type { Detector } from './detector.ts';

/** How soon loops are acted on: `gentle` waits longest. */
export const loopPresets = ['gentle', 'standard', 'strict', 'off'] as const;
export type LoopPreset = (typeof loopPresets)[number];

/** What a team knows of one of its tools. Wins over the hints of the host. */
export interface ToolPolicy {
  /**
   * The tool waits for something: it is judged by time, not by count. `true` allows 10 minutes of the same answer,
   * a duration such as `'30m'` says how long. Default false.
   */
  readonly poll?: boolean | Duration | undefined;
  /**
   * What makes two calls the same: a function of the arguments, or the names of the fields that count.
   * `false` takes the tool out of loop detection. Default: all arguments but the cosmetic ones (`reason`, `thought`, …).
   */
  readonly loopKey?: ((args: unknown) => unknown) | readonly string[] | false | undefined;
  /** A call changes the world (sends, pays, deletes): the same call again is judged sooner. Default: read from hints and name. */
  readonly sideEffects?: boolean | undefined;
  /** The same call with the same result may come this often before it counts as a loop. */
  readonly maxRepeats?: number | undefined;
  /** Fields of arguments and results that mean nothing (request ids, clocks): left out of every comparison. */
  readonly ignore?: readonly string[] | undefined;
  /** What one call of the tool costs, in USD. Default 0. */
  readonly usd?: number | undefined;
}

/** The figures of a preset that can be set one by one. */
export interface LoopSettings {
  /** The figures to start from. Default `standard`. */
  readonly preset?: LoopPreset | undefined;
  /** Futile rounds before a warning. */
  readonly warnAt?: number | undefined;
  /** Futile rounds before a halt. */
  readonly haltAt?: number | undefined;
  /** Names of built-in detectors to leave out. */
  readonly without?: readonly DetectorName[] | undefined;
}

/** Everything the judge of a run is made from. All parts are optional. */
export interface LoopOptions {
  readonly loops?: LoopPreset | LoopSettings | undefined;
  readonly tools?: Readonly<Record<string, ToolPolicy>> | undefined;
  readonly detectors?: readonly Detector[] | undefined;
  /** Told when a detector of the user's throws; the detector is then left out for the rest of the run. */
  readonly onDetectorError?: ((name: string, error: unknown) => void) | undefined;
}

const figure = z.number().min(2, 'must be at least 2 futile rounds').max(1000, 'must be at most 1000 futile rounds');

/** The schema of the guard's `loops` option. */
export const loopOptions = z.union([
  z.enum(loopPresets),
  z
    .strictObject({
      preset: z.enum(loopPresets).optional(),
      warnAt: figure.optional(),
      haltAt: figure.optional(),
      without: z.array(z.enum(detectorNames)).readonly().optional(),
    })
    .refine(({ warnAt, haltAt }) => warnAt === undefined || haltAt === undefined || warnAt <= haltAt, {
      message: 'warnAt must not be above haltAt: a warning comes before a halt',
    }),
]);

const names = z.array(z.string().min(1)).readonly();

/** The schema of one entry of the guard's `tools` option. */
export const toolPolicy = z.strictObject({
  poll: z.union([z.boolean(), z.string().refine(isDuration, "must be true, false or a duration such as '10m'")]).optional(),
  loopKey: z.union([z.literal(false), names, z.custom<(args: unknown) => unknown>((value) => typeof value === 'function')]).optional(),
  sideEffects: z.boolean().optional(),
  maxRepeats: z.int().min(1, 'must be at least 1').max(1_000_000).optional(),
  ignore: names.optional(),
  usd: z.number().nonnegative('must not be negative: it is what one call costs, in USD').optional(),
});

/** The schema of the guard's `tools` option: policies by tool name. */
export const toolPolicies = z.record(z.string(), toolPolicy);

/** The schema of the guard's `detectors` option. */
export const detectorList = z
  .array(
    z.custom<Detector>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        typeof (value as Detector).name === 'string' &&
        typeof (value as Detector).observe === 'function',
      'must be an object { name, observe(step, history) }',
    ),
  )
  .readonly();

const POLL_PATIENCE_MS = 600_000;

/** How long the same answer of a polled tool is patience, in milliseconds; undefined where the tool is no poll. */
export function pollPatienceMs(policy: ToolPolicy | undefined): number | undefined {
  if (policy?.poll === undefined || policy.poll === false) return undefined;
  return policy.poll === true ? POLL_PATIENCE_MS : durationMs(policy.poll);
}

/** The figures that a judge works with, in futile rounds. */
export interface LoopFigures {
  readonly warnAt: number;
  readonly haltAt: number;
}

const figuresOfPreset: Record<LoopPreset, LoopFigures> = {
  gentle: { warnAt: 4, haltAt: 8 },
  standard: { warnAt: 3, haltAt: 5 },
  strict: { warnAt: 2, haltAt: 3 },
  off: { warnAt: Number.POSITIVE_INFINITY, haltAt: Number.POSITIVE_INFINITY },
};

/** The figures that an option asks for; a preset's where it names none. */
export function loopFigures(loops: LoopOptions['loops']): LoopFigures {
  const settings: LoopSettings = typeof loops === 'string' ? { preset: loops } : (loops ?? {});
  const preset = figuresOfPreset[settings.preset ?? 'standard'];
  const warnAt = settings.warnAt ?? Math.min(preset.warnAt, settings.haltAt ?? preset.warnAt);
  return { warnAt, haltAt: Math.max(settings.haltAt ?? preset.haltAt, warnAt) };
}

/** The built-in detectors that an option leaves out: all of them under the preset `off`. */
export function withoutDetectors(loops: LoopOptions['loops']): ReadonlySet<string> {
  const settings: LoopSettings = typeof loops === 'string' ? { preset: loops } : (loops ?? {});
  return new Set(settings.preset === 'off' ? detectorNames : settings.without);
}
