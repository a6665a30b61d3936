/**
 * Corrupt copies are set aside, never deleted: under their chunk id in `quarantine/`, each with a
 * note beside it. Nothing there is listed or served; a person may look and then remove it.
 */
import type { ChunkId } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, writeDurably } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";

export class Quarantine {
  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async open(): Promise<void> {
    await this.disk.makeDirectory(this.directory);
  }

  /** Moves a chunk file here. Throws when it cannot be moved. */
  async takeFile(chunkId: ChunkId, path: string, why: string): Promise<void> {
    await this.disk.rename(path, `${this.directory}/${chunkId}`);
    await this.#note(chunkId, path, why);
  }

  /** Keeps a copy of a record's body, if it can: the record itself is dropped by the caller. */
  async takeBytes(
    chunkId: ChunkId,
    bytes: Uint8Array<ArrayBuffer>,
    from: string,
    why: string,
  ): Promise<void> {
    try {
      await writeDurably(this.disk, `${this.directory}/${chunkId}`, bytes);
    } catch (fault) {
      this.log.warn("quarantine could not keep the bytes", { chunkId, fault });
    }
    await this.#note(chunkId, from, why);
  }

  async #note(chunkId: ChunkId, from: string, why: string): Promise<void> {
    this.log.error("corrupt chunk set aside", { chunkId, from, why });
    const note = { chunkId, from, why, at: new Date(this.clock.now()).toISOString() };
    const bytes = new TextEncoder().encode(`${JSON.stringify(note)}\n`);
    try {
      await writeDurably(this.disk, `${this.directory}/${chunkId}.txt`, bytes);
    } catch (fault) {
      this.log.warn("quarantine note not written", { chunkId, fault });
    }
  }
}
