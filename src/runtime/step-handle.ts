import type { Offer } from '../core/offer.ts';
import type { Call, StepResult } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';
import { newestIn, type Attempt } from './attempt.ts';
import { failureBill } from './failure.ts';
import type { OpenStep } from './open-step.ts';
import type { Step, StreamChannel } from './step.ts';

/** One door's handle: on the step itself, or joined to an attempt of it. Only the step's own handle ends it. */
export class StepHandle implements Step {
  readonly id: string;
  readonly index: number;
  readonly call: Call;
  readonly offer: Offer;
  private readonly opened: OpenStep;
  private readonly joined: Attempt | undefined;
  private hasEnded = false;

  constructor(opened: OpenStep, joined: Attempt | undefined) {
    const { id, index, call, offer } = opened.parts;
    this.id = id;
    this.index = index;
    this.call = call;
    this.offer = offer;
    this.opened = opened;
    this.joined = joined;
  }

  /** The run's, which makes one for whoever asks: most steps of most runs do without. */
  get signal(): AbortSignal {
    return this.opened.parts.core.signal;
  }

  get isJoined(): boolean {
    return this.joined !== undefined;
  }

  get isOpen(): boolean {
    return !this.hasEnded && this.opened.isOpen;
  }

  stream(delta: string, channel: StreamChannel = 'text'): void | Promise<void> {
    return this.opened.stream(this.current(), this, delta, channel);
  }

  end(result?: StepResult, usage?: UsageReport): Promise<void> {
    if (this.ends()) {
      this.note({ kind: 'ok', result }, usage);
      if (!this.joined) this.opened.close({ kind: 'ok', result: { ...innerResult(this.opened.newest()), ...result }, error: undefined });
    }
    return ended;
  }

  fail(error: unknown, usage?: UsageReport): Promise<void> {
    if (this.ends()) {
      const { opened, joined } = this;
      const { core, call } = opened.parts;
      const attempt = this.current();
      const bill = failureBill(error, attempt.streamed > 0, core.haltError());
      const wasUnsent = bill === 'unsent' && attempt.outcome === undefined && !usage;
      this.note({ kind: 'failed', bill }, usage);
      if (joined) return ended;
      if (wasUnsent && call.kind === 'model' && opened.attempts.length === 1) opened.giveBackAll();
      else opened.close({ kind: 'error', result: undefined, error });
    }
    return ended;
  }

  release(): Promise<void> {
    if (this.ends()) {
      const { opened, joined } = this;
      this.note({ kind: 'failed', bill: 'unsent' }, undefined);
      if (joined) return ended;
      if (opened.wasSent()) opened.close({ kind: 'error', result: undefined, error: undefined });
      else opened.giveBackAll();
    }
    return ended;
  }

  within<T>(fn: () => T, mark?: unknown): T {
    return this.opened.within(fn, mark);
  }

  /** Ends the handle; false where it has ended already. */
  private ends(): boolean {
    if (!this.isOpen) return false;
    this.hasEnded = true;
    this.opened.heard();
    if (this.joined) this.joined.doors -= 1;
    return true;
  }

  private current(): Attempt {
    return this.joined ? newestIn(this.joined) : this.opened.newest();
  }

  /** What a door inside found out (a bill, a cache hit, the model that answered) is not lost to one further out. */
  private note(outcome: Attempt['outcome'], usage: UsageReport | undefined): void {
    const attempt = this.current();
    attempt.outcome ??= outcome;
    if (usage && isKnown(usage)) attempt.usage ??= usage;
  }
}

/** Everything is done when a handle's method returns; who awaits it waits for one turn only. */
const ended = Promise.resolve();

const isKnown = (usage: UsageReport): boolean => Object.values(usage).some((value) => value !== undefined);

const innerResult = ({ outcome }: Attempt): object | undefined => (outcome?.kind === 'ok' ? outcome.result : undefined);
