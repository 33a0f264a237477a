import type { StepRecord } from '../core/step.ts';
import type { Detector, Sighting, StepHistory } from './detector.ts';
import type { LoopOptions } from './options.ts';

const HISTORY_MAX = 64;

/** What a user's detector saw, under its name. */
export interface NamedSighting extends Sighting {
  readonly name: string;
}

/** Asks the user's detectors about each step, each in its own cell: one that throws is reported once and left out from then on. */
export function userDetectors({ detectors = [], onDetectorError }: LoopOptions): (step: StepRecord) => NamedSighting | undefined {
  const history: StepRecord[] = [];
  const failed = new Set<Detector>();
  const past: StepHistory = { last: (count) => (count > 0 ? history.slice(-count) : []) };

  const ask = (detector: Detector, step: StepRecord): NamedSighting | undefined => {
    if (failed.has(detector)) return undefined;
    try {
      const sighting = detector.observe(step, past);
      return isSighting(sighting) ? { ...sighting, name: detector.name } : undefined;
    } catch (error) {
      failed.add(detector);
      report(detector.name, error);
      return undefined;
    }
  };
  const report = (name: string, error: unknown): void => {
    try {
      onDetectorError?.(name, error);
    } catch {
      // Whoever is told of failures fails alone.
    }
  };

  /** A warning that goes on is told once. */
  let warning = new Set<string>();

  if (detectors.length === 0) return () => undefined;
  return (step) => {
    const sightings = detectors.map((detector) => ask(detector, step)).filter((sighting) => sighting !== undefined);
    history.push(step);
    if (history.length > HISTORY_MAX) history.shift();
    const told = sightings.find(({ level }) => level === 'halt') ?? sightings.find(({ name }) => !warning.has(name));
    warning = new Set(sightings.map(({ name }) => name));
    return told;
  };
}

const isSighting = (value: Sighting | undefined): value is Sighting =>
  typeof value === 'object' && value !== null && (value.level === 'warn' || value.level === 'halt');
