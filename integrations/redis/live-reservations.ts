import type { AccountRef } from 'holdfast';

/** A reservation that this process made and has not ended. */
export interface LiveReservation {
  /** The id under which the server knows it. */
  readonly id: string;
  readonly accounts: readonly AccountRef[];
}

/** What this process must know of its own holds, to extend and to end them. */
export interface LiveReservations {
  add(id: string, reservation: LiveReservation): void;
  get(id: string): LiveReservation | undefined;
  remove(id: string): void;
}

/** More steps than one process can have open. Beyond them the oldest are forgotten: they expire, and are booked late. */
const REMEMBERED_MOST = 100_000;

export function liveReservations(): LiveReservations {
  const live = new Map<string, LiveReservation>();
  return {
    add(id, reservation) {
      live.set(id, reservation);
      if (live.size <= REMEMBERED_MOST) return;
      for (const oldest of live.keys()) {
        live.delete(oldest);
        return;
      }
    },
    get: (id) => live.get(id),
    remove: (id) => void live.delete(id),
  };
}
