/**
 * The receipts this seeder gave, and the one rule that keeps a drop order from taking a chunk away
 * under them: while an upload may still count on a receipt, the chunk stays. All times are the
 * tracker's own, read off the leaves and the orders, so nothing rests on clocks that agree.
 *
 * What is remembered is bounded: whatever was forgotten, and all that a process before this one
 * gave, counts as given at `#floorMs` for every chunk.
 */
import {
  type ChunkId,
  Fault,
  type Leave,
  leaveMadeMs,
  makeReceipt,
  type Order,
  type Receipt,
} from "../../protocol/mod.ts";
import type { Identity } from "./identity.ts";

type DropOrder = Extract<Order, { kind: "drop" }>;

const rememberedMost = 100_000;

export class Receipts {
  /** The latest leave for each chunk under which a receipt was given, oldest receipt first. */
  readonly #madeMs = new Map<ChunkId, number>();
  readonly #dropping = new Set<ChunkId>();
  #floorMs: number;

  /** @param fresh nothing was stored here before this process: no receipt can be unknown */
  constructor(
    private readonly isStored: (chunkId: ChunkId) => boolean,
    fresh: boolean,
    private readonly remembered = rememberedMost,
  ) {
    this.#floorMs = fresh ? -Infinity : Infinity;
  }

  /** Receipts given before this are not known one by one; undefined when all are. */
  get floorMs(): number | undefined {
    return Number.isFinite(this.#floorMs) ? this.#floorMs : undefined;
  }

  /** The tracker's time when this process heard it: receipts of processes before are older. */
  hear(trackerNowMs: number): void {
    if (this.#floorMs === Infinity) this.#floorMs = trackerNowMs;
  }

  /**
   * Says that the chunk is held, after it was stored.
   * @throws Fault `unavailable` when it was dropped meanwhile, or is being dropped
   */
  give(identity: Identity, chunkId: ChunkId, sizeBytes: number, leave: Leave): Receipt {
    if (this.#dropping.has(chunkId) || !this.isStored(chunkId)) {
      throw new Fault("unavailable", "the chunk was dropped while it was being sent again");
    }
    const madeMs = Math.max(this.#madeMs.get(chunkId) ?? -Infinity, leaveMadeMs(leave));
    this.#madeMs.delete(chunkId);
    this.#madeMs.set(chunkId, madeMs);
    this.#forgetOldest();
    return makeReceipt(identity.seederKey, identity.seederId, chunkId, sizeBytes, leave);
  }

  #forgetOldest(): void {
    if (this.#madeMs.size <= this.remembered) return;
    for (const [chunkId, madeMs] of this.#madeMs) {
      this.#floorMs = Math.max(this.#floorMs, madeMs);
      this.#madeMs.delete(chunkId);
      return;
    }
  }

  /** Carries `drop` out unless an upload may count on a receipt. False when the chunk is kept. */
  async unlessCounted(order: DropOrder, drop: () => Promise<unknown>): Promise<boolean> {
    const { chunkId, receiptsSinceMs } = order;
    const latestMs = Math.max(this.#floorMs, this.#madeMs.get(chunkId) ?? -Infinity);
    if (latestMs >= receiptsSinceMs) return false;
    this.#dropping.add(chunkId);
    try {
      await drop();
    } finally {
      this.#dropping.delete(chunkId);
    }
    return true;
  }
}
