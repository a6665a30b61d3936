/**
 * Whether somebody reads or writes here, learnt from the store's own calls: the scrub makes room.
 */
import type { Clock } from "../kit/clock.ts";
import type { ChunkStore } from "./store/chunk_store.ts";

/** A transfer of several chunks has pauses shorter than this. */
const quietMs = 1_000;

export class Load {
  #under = 0;
  #lastMs = -Infinity;

  constructor(private readonly clock: Clock) {}

  get busy(): boolean {
    return this.#under > 0 || this.clock.now() - this.#lastMs < quietMs;
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#under++;
    try {
      return await work();
    } finally {
      this.#under--;
      this.#lastMs = this.clock.now();
    }
  }

  /** The store, its transfers noticed. */
  watched(store: ChunkStore): ChunkStore {
    return {
      ...store,
      put: (chunkId, sizeBytes, source) =>
        this.#during(() => store.put(chunkId, sizeBytes, source)),
      putMany: (items) => this.#during(() => store.putMany(items)),
      read: (chunkId, range) => this.#during(() => store.read(chunkId, range)),
    };
  }
}
