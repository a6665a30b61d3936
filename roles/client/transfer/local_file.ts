/**
 * A file on its way to the local disk: bytes gather in `NAME.offshore-part` beside it, and what is
 * already there stands in `NAME.offshore-part.json`. An interrupted download leaves both, and the
 * next one trusts no chunk it has not hashed again. The name itself appears in one step, whole,
 * synced, with mode and time restored.
 */
import * as z from "zod";
import {
  type ChunkEntry,
  chunkIdOf,
  Fault,
  type LocatedFile,
  VersionId,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, type DiskFile, readWhole, writeDurably } from "../../kit/disk.ts";
import { localFault, partPathOf } from "./local_names.ts";
import { transferSettings } from "./transfer_settings.ts";
import type { ChunkBuffers } from "./buffers.ts";

/**
 * What the sidecar says: which version the part belongs to and which chunks were synced into it.
 */
const Sidecar = z.strictObject({
  format: z.literal(1),
  versionId: VersionId,
  sizeBytes: z.int().min(0),
  chunkSizeBytes: z.int().min(1),
  /** One bit a chunk, lowest bit first, base64. */
  done: z.base64(),
});

export interface LocalPartSettings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly localPath: string;
  readonly file: LocatedFile;
  /** Take the place of a file that is there. */
  readonly force: boolean;
  /** Whether an interruption shall leave something to go on with. */
  readonly resumable: boolean;
}

/** Throws `local-exists` or `is-a-directory` where the name is not free for a file. */
export async function checkNameFree(disk: Disk, localPath: string, force: boolean): Promise<void> {
  const there = await disk.stat(localPath);
  if (there === undefined) return;
  if (there.kind === "directory") {
    throw new Fault("is-a-directory", `${localPath} is a directory`, {
      next: "name a file inside it",
    });
  }
  if (!force) throw new Fault("local-exists", `${localPath} is there already`);
}

export class LocalPart {
  #unsavedBytes = 0;
  #savedMs: number;
  #closed = false;
  #saving: Promise<void> | undefined;

  private constructor(
    private readonly settings: LocalPartSettings,
    private readonly part: DiskFile,
    private readonly partPath: string,
    private readonly done: Uint8Array<ArrayBuffer>,
  ) {
    this.#savedMs = settings.clock.now();
  }

  /** Goes on with a part of the same version, else begins a new one. */
  static async open(settings: LocalPartSettings): Promise<LocalPart> {
    const { disk, localPath, file } = settings;
    const partPath = partPathOf(localPath);
    return await localFault(async () => {
      await checkNameFree(disk, localPath, settings.force);
      const empty = new Uint8Array(Math.ceil(file.chunkCount / 8));
      const kept = settings.resumable ? await readSidecar(disk, partPath, file) : undefined;
      const there = await disk.stat(partPath);
      if (kept !== undefined && there?.kind === "file") {
        const part = await disk.open(partPath, "update");
        return new LocalPart(settings, part, partPath, kept);
      }
      if (there !== undefined) await disk.remove(partPath);
      if (await disk.stat(`${partPath}.json`) !== undefined) await disk.remove(`${partPath}.json`);
      const part = await disk.open(partPath, "create");
      return new LocalPart(settings, part, partPath, empty);
    });
  }

  /** Whether the chunk is in the part with the right bytes. */
  async has(
    index: number,
    entry: ChunkEntry,
    buffers: ChunkBuffers,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (((this.done[index >> 3] ?? 0) & (1 << (index & 7))) === 0) return false;
    const buffer = await buffers.take(entry.sizeBytes, signal);
    try {
      const count = await localFault(() => this.part.read(buffer, this.#offsetOf(index)));
      if (count === entry.sizeBytes && chunkIdOf(buffer) === entry.chunkId) return true;
    } finally {
      buffers.give(buffer);
    }
    this.done[index >> 3] = (this.done[index >> 3] ?? 0) & ~(1 << (index & 7));
    return false;
  }

  async write(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await localFault(() => this.part.write(bytes, this.#offsetOf(index)));
    this.done[index >> 3] = (this.done[index >> 3] ?? 0) | (1 << (index & 7));
    this.#unsavedBytes += bytes.length;
    const dueMs = this.#savedMs + transferSettings.sidecarIntervalMs;
    const due = this.#unsavedBytes >= transferSettings.sidecarBytes ||
      this.settings.clock.now() >= dueMs;
    if (this.settings.resumable && due) await this.save();
  }

  /** Syncs the part, then writes down what was in it before the sync. */
  async save(): Promise<void> {
    this.#saving ??= this.#saveNow().finally(() => this.#saving = undefined);
    await this.#saving;
  }

  async #saveNow(): Promise<void> {
    const { versionId, sizeBytes, chunkSizeBytes } = this.settings.file;
    const done = this.done.toBase64();
    this.#unsavedBytes = 0;
    this.#savedMs = this.settings.clock.now();
    const text = JSON.stringify({ format: 1, versionId, sizeBytes, chunkSizeBytes, done });
    await localFault(async () => {
      await this.part.sync();
      const bytes = new TextEncoder().encode(text);
      await writeDurably(this.settings.disk, `${this.partPath}.json`, bytes);
    });
  }

  /**
   * Gives the file its name. The name survives a power cut once its directory is synced, which is
   * the caller's to do: many small files share one sync.
   */
  async finish(): Promise<void> {
    const { disk, localPath, file, force } = this.settings;
    await localFault(async () => {
      const sizeBytes = await this.part.sizeBytes();
      if (sizeBytes > file.sizeBytes) await this.part.truncate(file.sizeBytes);
      if (sizeBytes < file.sizeBytes) {
        throw new Fault("local-failed", `${this.partPath} was changed by somebody else`);
      }
      await this.part.sync();
      await disk.setAttributes(this.partPath, { mode: file.mode, modifiedMs: file.modifiedMs });
      await checkNameFree(disk, localPath, force);
      await disk.rename(this.partPath, localPath);
      this.#close();
      const sidecar = `${this.partPath}.json`;
      if (this.settings.resumable && await disk.stat(sidecar) !== undefined) {
        await disk.remove(sidecar);
      }
    });
  }

  /** After a failure: keeps what can be gone on with, removes what cannot. Never throws. */
  async giveUp(): Promise<void> {
    const { disk, resumable } = this.settings;
    try {
      if (resumable) await this.save();
      else await disk.remove(this.partPath);
    } catch {
      // The failure that led here is the one to tell; the part is checked before it is used again.
    }
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.part.close();
  }

  #offsetOf(index: number): number {
    return index * this.settings.file.chunkSizeBytes;
  }
}

/** The bits of a sidecar that belongs to this version; undefined also when it is damaged. */
async function readSidecar(
  disk: Disk,
  partPath: string,
  file: LocatedFile,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = await readWhole(disk, `${partPath}.json`);
  if (bytes === undefined) return undefined;
  try {
    const sidecar = Sidecar.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const done = Uint8Array.fromBase64(sidecar.done);
    const same = sidecar.versionId === file.versionId && sidecar.sizeBytes === file.sizeBytes &&
      sidecar.chunkSizeBytes === file.chunkSizeBytes &&
      done.length === Math.ceil(file.chunkCount / 8);
    return same ? done : undefined;
  } catch {
    // A sidecar cut short by a crash: beginning again loses time and nothing else.
    return undefined;
  }
}
