/**
 * An open file of the simulated disk: queues calls behind each other as the real one does, and is
 * dead once closed or once the power went.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { DiskFile, DiskStat } from "../../../roles/kit/disk.ts";
import type { SimContent } from "./sim_content.ts";

/** Which share of `SimDiskFaults` a call is under. */
export type DiskCall = "readErrors" | "writeErrors" | "syncErrors";

export interface SimFileOwner {
  turn(kind: DiskCall): Promise<void>;
  crashes(): number;
  freeBytes(): number;
  touched(): void;
  stat(): DiskStat;
  readonly inode: number;
  /** Files that some handle has the lock of. */
  readonly locks: Set<number>;
}

export class SimFile implements DiskFile {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #locked = false;
  readonly #openedAt: number;

  constructor(
    private readonly path: string,
    private readonly content: SimContent,
    private readonly writable: boolean,
    private readonly owner: SimFileOwner,
  ) {
    this.#openedAt = owner.crashes();
  }

  #queued<T>(kind: DiskCall, work: () => T): Promise<T> {
    const result = this.#last.then(async () => {
      try {
        await this.owner.turn(kind);
      } catch (error) {
        if (kind === "syncErrors" && this.#alive()) this.content.forgetPending();
        throw error;
      }
      if (!this.#alive()) throw new Fault("disk-failed", `${this.path} is closed`);
      return work();
    });
    this.#last = result.catch(() => {});
    return result;
  }

  #alive(): boolean {
    return !this.#closed && this.#openedAt === this.owner.crashes();
  }

  read(buffer: Uint8Array<ArrayBuffer>, offset: number): Promise<number> {
    return this.#queued("readErrors", () => {
      if (this.content.spoiled) throw new Fault("disk-failed", `${this.path}: input/output error`);
      return this.content.read(buffer, offset);
    });
  }

  write(bytes: Uint8Array<ArrayBuffer>, offset: number): Promise<void> {
    return this.#queued("writeErrors", () => {
      this.#mustBeWritable();
      const growth = Math.max(0, offset + bytes.length - this.content.sizeBytes);
      const missing = growth === 0 ? 0 : growth - this.owner.freeBytes();
      if (missing > 0) {
        // As on Linux: what still fits is written before the call fails.
        const fits = Math.max(0, bytes.length - missing);
        if (fits > 0) this.content.write(bytes.subarray(0, fits), offset);
        throw new Fault("disk-full", `${this.path}: no space left on device`);
      }
      this.content.write(bytes, offset);
      this.owner.touched();
    });
  }

  sizeBytes(): Promise<number> {
    return this.#queued("readErrors", () => this.content.sizeBytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#queued("writeErrors", () => {
      this.#mustBeWritable();
      this.content.truncate(sizeBytes);
      this.owner.touched();
    });
  }

  sync(): Promise<void> {
    return this.#queued("syncErrors", () => this.content.sync());
  }

  stat(): Promise<DiskStat> {
    return this.#queued("readErrors", () => this.owner.stat());
  }

  tryLock(): Promise<boolean> {
    return this.#queued("readErrors", () => {
      const { locks, inode } = this.owner;
      if (this.#locked) return true;
      if (locks.has(inode)) return false;
      locks.add(inode);
      this.#locked = true;
      return true;
    });
  }

  close(): void {
    if (this.#locked && this.#alive()) this.owner.locks.delete(this.owner.inode);
    this.#closed = true;
  }

  #mustBeWritable(): void {
    if (!this.writable) throw new Fault("disk-failed", `${this.path} was opened to read`);
  }
}
