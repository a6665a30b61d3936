/**
 * What the store lost: one event for every copy that does not count any more, whoever met it (a
 * scrub, a read, a repair, a put that finds one there, the rewriting of a pack), and the copies in
 * doubt, whose reading failed. `plan/doubt.ts` decides; here it is kept and carried out in the
 * index.
 */
import { type ChunkId, Fault, type FaultCode, limits, type Loss } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Log } from "../../kit/log.ts";
import { afterFailure, type Doubt } from "../plan/doubt.ts";
import type { DiskIndex } from "./chunk_index.ts";
import type { Doubtful, LostCopy } from "./chunk_store.ts";

/** Whether this says that the disk would not give the bytes of one copy, or not let it be moved. */
export function isReadFailure(error: unknown): boolean {
  return error instanceof Fault && failures.includes(error.code);
}

const failures: readonly FaultCode[] = ["disk-failed", "disk-unusable", "chunk-corrupt"];

export class Losses {
  readonly #doubts = new Map<ChunkId, Doubt>();
  readonly #listeners: ((lost: LostCopy) => void)[] = [];

  constructor(
    private readonly index: DiskIndex,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  watch(listener: (lost: LostCopy) => void): void {
    this.#listeners.push(listener);
  }

  /** The copy was taken out of the index: it is in quarantine, or nowhere. */
  lost(chunkId: ChunkId, why: Loss): void {
    this.#doubts.delete(chunkId);
    this.#tell({ chunkId, why });
  }

  #tell(lost: LostCopy): void {
    for (const listener of this.#listeners) listener(lost);
  }

  /**
   * A read of the chunk failed; or its bytes are wrong and could not be moved away
   * (`chunk-corrupt`), which needs no second look.
   */
  failed(chunkId: ChunkId, fault: unknown): void {
    if (!isReadFailure(fault)) return;
    const isCorrupt = fault instanceof Fault && fault.code === "chunk-corrupt";
    const before = this.#doubts.get(chunkId);
    const found = afterFailure(before, this.clock.now());
    const doubt = isCorrupt ? { ...found, unreadable: true } : found;
    const next = "test the disk";
    this.log.error("a chunk cannot be read", { chunkId, fault, lost: doubt.unreadable, next });
    // Of more than are remembered none gets a second chance.
    const isFull = before === undefined && this.#doubts.size >= limits.unreadableChunksMax;
    if (!isFull) this.#doubts.set(chunkId, doubt);
    if (!isFull && !doubt.unreadable) return;
    if (!this.index.holds(chunkId)) return;
    this.index.setAside(chunkId);
    this.#tell({ chunkId, why: isCorrupt ? "corrupt" : "unreadable" });
  }

  /** It was read well, or stored anew, or dropped. */
  settled(chunkId: ChunkId): void {
    this.#doubts.delete(chunkId);
    this.index.takeBack(chunkId);
  }

  doubtful(): Doubtful {
    const nowMs = this.clock.now();
    const due: ChunkId[] = [], undecided: ChunkId[] = [], unreadable: ChunkId[] = [];
    for (const [chunkId, doubt] of this.#doubts) {
      (doubt.unreadable ? unreadable : undecided).push(chunkId);
      if (nowMs >= doubt.nextMs) due.push(chunkId);
    }
    return { due, undecided, unreadable };
  }
}
