import { BaseCallbackHandler, type NewTokenIndices } from '@langchain/core/callbacks/base';
import type { Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { guardClaims, type Claims } from './claims.ts';
import { eventPieces, tokenPieces } from './stream-pieces.ts';

/** Counts what streams in one attempt, and cuts it: only a callback sees that. It leaves alone what another door counts. */
export class StreamMeter extends BaseCallbackHandler {
  name = 'holdfast_stream';
  readonly #claims: Claims;
  readonly #step: Step;
  #runId: string | undefined;

  constructor(guard: AnyGuard, step: Step) {
    super({ raiseError: true });
    this.#claims = guardClaims(guard);
    this.#step = step;
  }

  override copy(): this {
    return this;
  }

  override async handleLLMNewToken(
    token: string,
    _index: NewTokenIndices,
    runId: string,
    _parentRunId?: string,
    _tags?: string[],
    fields?: { chunk?: unknown },
  ): Promise<void> {
    if (this.#isMine(runId)) for (const { delta, channel } of tokenPieces(token, fields?.chunk)) await this.#step.stream(delta, channel);
  }

  override async handleChatModelStreamEvent(event: unknown, runId: string): Promise<void> {
    if (this.#isMine(runId)) for (const { delta, channel } of eventPieces(event)) await this.#step.stream(delta, channel);
  }

  close(): void {
    if (this.#runId !== undefined) this.#claims.release(this.#runId, this);
  }

  #isMine(runId: string): boolean {
    if (!this.#claims.take(runId, this)) return false;
    this.#runId = runId;
    return true;
  }
}
