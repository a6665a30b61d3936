/**
 * Whether the disk is there (`anchor.ts`), and can be written, learnt from the work itself: a put
 * that fails for the disk's sake is trouble, one that succeeds ends it. While there is trouble a
 * small file is written now and then to see whether it is over. A full disk is no trouble: the free
 * space says it.
 */
import { Fault } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type Disk, writeDurably } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import type { Anchor } from "./anchor.ts";
import type { ChunkStore } from "./store/chunk_store.ts";

const probeIntervalMs = 5_000;

export class DiskHealth {
  #trouble: string | undefined;
  #probedMs = 0;

  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly anchor?: Anchor,
  ) {}

  /** Why the disk is not the one the seeder started on; undefined while it is. */
  get gone(): string | undefined {
    return this.anchor?.trouble;
  }

  /** In words; undefined while the disk can be written. */
  get trouble(): string | undefined {
    return this.gone ?? this.#trouble;
  }

  failed(error: unknown): void {
    if (!(error instanceof Fault)) return;
    if (error.code !== "disk-failed" && error.code !== "disk-unusable") return;
    if (this.#trouble === undefined) {
      this.log.error("the disk cannot be written", { fault: error });
      this.#probedMs = this.clock.now();
    }
    this.#trouble = `${error.code}: ${error.message}`.slice(0, 500);
  }

  worked(): void {
    if (this.#trouble !== undefined) this.log.info("the disk can be written again");
    this.#trouble = undefined;
  }

  /** Looks again when it is time to. Never throws. */
  async probe(): Promise<void> {
    const before = this.gone, now = await this.anchor?.look();
    if (now !== undefined && before === undefined) {
      const next = "mount the disk again where it was; the seeder goes on by itself";
      this.log.error("the disk is gone", { why: now, next });
    } else if (now === undefined && before !== undefined) this.log.info("the disk is back");
    if (now !== undefined) return;
    if (this.#trouble === undefined) return;
    if (this.clock.now() - this.#probedMs < probeIntervalMs) return;
    this.#probedMs = this.clock.now();
    try {
      await writeDurably(this.disk, `${this.directory}/probe`, new TextEncoder().encode("probe\n"));
      this.worked();
    } catch (error) {
      this.failed(error);
    }
  }

  /** The store, its writes watched. */
  watched(store: ChunkStore): ChunkStore {
    const watch = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        this.failed(error);
        throw error;
      }
    };
    return {
      ...store,
      put: async (chunkId, sizeBytes, source) => {
        const result = await watch(store.put(chunkId, sizeBytes, source));
        if (result === "stored") this.worked();
        return result;
      },
      putMany: async (items) => {
        const results = await watch(store.putMany(items));
        for (const result of results) this.failed(result);
        if (results.includes("stored")) this.worked();
        return results;
      },
      drop: (chunkId) => watch(store.drop(chunkId)),
    };
  }
}
