/**
 * How many bytes of other people's chunks may wait in memory, of all requests together. Whoever
 * brings more waits, and gives up after a while rather than for ever: two seeders that pass chunks
 * to each other must not wait for each other's room.
 */
import { Fault, sizeText } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";

/** Eight batches as they come, and once more as they go on. */
export const waitingBytesMax = 128 * 1024 * 1024;
/** A seeder that has room again soon is worth waiting for; beyond this another is faster. */
const waitMsMax = 5_000;

export class WaitingBytes {
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly clock: Clock, private readonly most = waitingBytesMax) {}

  /** @throws Fault `unavailable` when there was no room in time */
  async take(bytes: number): Promise<void> {
    const gaveUp = new AbortController();
    const endMs = this.clock.now() + waitMsMax;
    try {
      while (this.#held > 0 && this.#held + bytes > this.most) {
        const room = Promise.withResolvers<void>();
        this.#waiting.add(room.resolve);
        const late = this.clock.sleep(Math.max(0, endMs - this.clock.now()), gaveUp.signal);
        late.then(room.resolve, () => {});
        await room.promise;
        this.#waiting.delete(room.resolve);
        if (this.clock.now() < endMs) continue;
        throw new Fault("unavailable", `${sizeText(this.#held)} wait here to be stored`, {
          next: "wait a moment, or send to another seeder",
        });
      }
    } finally {
      gaveUp.abort();
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    for (const wake of [...this.#waiting]) wake();
  }

  /** For one request: all that it takes is given back when it ends. */
  async during<T>(work: (take: (bytes: number) => Promise<void>) => Promise<T>): Promise<T> {
    let held = 0;
    try {
      return await work(async (bytes) => {
        await this.take(bytes);
        held += bytes;
      });
    } finally {
      this.give(held);
    }
  }
}
