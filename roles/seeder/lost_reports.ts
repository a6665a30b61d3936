/**
 * Tells the tracker which copies this seeder holds no more: whoever met the loss, the store says so
 * and here it waits for the next heartbeat, again and again until one that carried it was answered.
 * Nothing of it is kept on disk: what is not told when the seeder stops, the tracker finds out when
 * it compares the inventory.
 */
import { type ChunkId, limits, type LostChunk } from "../../protocol/mod.ts";
import type { ChunkStore } from "./store/chunk_store.ts";
import type { TrackerTime } from "./tracker_time.ts";

export class LostReports {
  #untold = new Map<ChunkId, LostChunk>();

  constructor(private readonly store: ChunkStore, private readonly time: TrackerTime) {
    store.watch(({ chunkId, why }) => this.#note({ chunkId, why, foundMs: this.#nowMs() }));
  }

  /** What does not fit the tracker finds out from the inventory. */
  #note(lost: LostChunk): void {
    const fits = this.#untold.size < limits.unreadableChunksMax;
    if (fits || this.#untold.has(lost.chunkId)) this.#untold.set(lost.chunkId, lost);
  }

  /** What to tell next: all but what came back meanwhile. */
  untold(): LostChunk[] {
    for (const chunkId of this.#untold.keys()) {
      if (this.store.holds(chunkId)) this.#untold.delete(chunkId);
    }
    return [...this.#untold.values().take(limits.batchItemsMax)];
  }

  /** The tracker has answered a heartbeat that carried these. */
  told(lost: readonly LostChunk[]): void {
    for (const one of lost) {
      if (this.#untold.get(one.chunkId) === one) this.#untold.delete(one.chunkId);
    }
  }

  /** A tracker that was not heard before knows of no last resort. */
  tellAnew(): void {
    const foundMs = this.#nowMs();
    for (const chunkId of this.store.doubtful().unreadable) {
      this.#note({ chunkId, why: "unreadable", foundMs });
    }
  }

  #nowMs(): number {
    try {
      return this.time.now();
    } catch {
      return 0;
    }
  }
}
