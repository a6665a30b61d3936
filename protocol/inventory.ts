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

  /** @param adopted held in a person's file only: the other half of the id tells it apart */
  toggle(chunkId: ChunkId, adopted = false): void {
    this.#bits ^= BigInt(`0x${adopted ? chunkId.slice(32) : chunkId.slice(0, 32)}`);
  }

  hex(): string {
    return this.#bits.toString(16).padStart(32, "0");
  }
}
