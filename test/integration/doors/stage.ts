import { createGuard, findHaltError, type EndedStepInfo, type GuardOptions, type HaltError, type RunReport } from 'holdfast';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { expect } from 'vitest';
import { modelsOf, QUESTION, type AnyGuard, type Door, type DoorAgent, type Told } from './door.ts';

/** What a scene plays on: an agent that can be asked, and notes of everything that happens. */
export interface Stage {
  readonly agent: DoorAgent;
  readonly guard: AnyGuard;
  readonly server: OpenAIServer;
  readonly steps: readonly EndedStepInfo[];
  readonly reports: readonly RunReport[];
  /** Failures of hooks and contradictions in usage: there are none where nothing goes wrong. */
  readonly problems: readonly unknown[];
  /** Asks, and says what came of it. */
  told(streams?: boolean): Promise<Told>;
  /** Asks, expects a halt, and expects the caller to be told of it as the door says. */
  halted(streams?: boolean): Promise<HaltError>;
  /** Ends what is open, and gives the report of the one run that there was. */
  report(): Promise<RunReport>;
}

export interface StageOptions {
  readonly script: OpenAIScript;
  readonly guard?: GuardOptions<never>;
  /** The agent is built without a guard. */
  readonly isPlain?: boolean;
  readonly search?: (query: string) => string;
  readonly maxRetries?: number;
}

export type SetStage = (options: StageOptions) => Promise<Stage>;

/** What a door is seen to do. */
export interface Scene {
  readonly title: string;
  readonly play: (set: SetStage, door: Door) => void;
}

/** The two ways to ask. */
export const both = [
  ['whole', false],
  ['streamed', true],
] as const;

/** Sets stages for a door; what is opened is told to `opened`, for it to be closed in the opposite order. */
export const stagesOf =
  (door: Door, opened: (each: { close?(): Promise<void> }) => void): SetStage =>
  async ({ script, guard: options, isPlain = false, search = (query) => `found ${query}`, maxRetries = 0 }) => {
    const server = await startOpenAIServer({ script });
    opened(server);
    const guard: AnyGuard = createGuard<never, unknown>(options);
    opened(guard);
    const model = modelsOf(door).usual;
    const agent = await door.open({ guard: isPlain ? undefined : guard, server, model, search, maxRetries });
    opened(agent);
    const [steps, reports, problems]: [EndedStepInfo[], RunReport[], unknown[]] = [[], [], []];
    guard.on('step:end', ({ step }) => void steps.push(step));
    guard.on('run:end', ({ report }) => void reports.push(report));
    guard.on('hook:error', (event) => void problems.push(event));
    guard.on('usage:invalid', (event) => void problems.push(event));
    const told = async (streams = false): Promise<Told> => {
      try {
        return { answer: await agent.ask(QUESTION, { streams }) };
      } catch (error) {
        return { error };
      }
    };
    return {
      agent,
      guard,
      server,
      steps,
      reports,
      problems,
      told,
      async halted(streams) {
        const outcome = await told(streams);
        const halt = guard.lastHalt();
        if (!halt) throw new Error('the run was not halted', 'error' in outcome ? { cause: outcome.error } : {});
        expectToldOf(halt, outcome, door);
        return halt;
      },
      async report() {
        await guard.close();
        expect(reports).toHaveLength(1);
        return reports[0] as RunReport;
      },
    };
  };

function expectToldOf(halt: HaltError, told: Told, { tellsHalt }: Door): void {
  if (typeof tellsHalt === 'function') return tellsHalt(told, halt);
  if (tellsHalt === 'ending') expect(told).toHaveProperty('answer');
  if (tellsHalt === 'instance') expect('error' in told && told.error).toBe(halt);
  if (tellsHalt === 'cause') expect('error' in told && findHaltError(told.error)).toBe(halt);
}
