/** The order-independent digest of a set of chunk ids (`InventoryDigest`). */
import type { ChunkId } from "./ids.ts";

/**
 * Adding a chunk twice takes it out again: whoever keeps one adds and removes with the same call.
 */
export class InventorySum {
  #bits: bigint;

  /** @param hex the sum so far, as `hex()` told it */
  constructor(hex = "0") {
    this.#bits = BigInt(`0x${hex}`);
  }

  toggle(chunkId: ChunkId): void {
    this.#bits ^= BigInt(`0x${chunkId.slice(0, 32)}`);
  }

  hex(): string {
    return this.#bits.toString(16).padStart(32, "0");
  }
}
