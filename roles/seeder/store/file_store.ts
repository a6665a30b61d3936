/**
 * Chunks in files of their own: `chunks/AB/ID`, where AB are the first two digits of the id and
 * `sha256sum` of the file gives its name. A chunk gets its name only when it is whole, checked and
 * synced: temporary name in `tmp/`, write, check, sync, rename, sync of the directory.
 *
 * Two senders of one chunk each write a temporary file of their own, so that neither waits for the
 * other's line; the second to finish finds it there.
 */
import { ChunkId, type ChunkId as Id, Fault, limits, startDigest } from "../../../protocol/mod.ts";
import type { Disk, DiskFile } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import { type ByteSource, checkedSource } from "./checked_source.ts";
import type { PutResult, Verdict } from "./chunk_store.ts";
import type { DiskIndex } from "./chunk_index.ts";
import type { Location } from "./location.ts";
import type { Quarantine } from "./quarantine.ts";

/** Parts from the network are small; the disk wants large writes. */
const writeBytes = 1024 * 1024;

export class FileStore {
  /** What renames or removes under one chunk id runs one after another. */
  readonly #turns = new Map<Id, Promise<unknown>>();
  readonly #directories = new Map<string, Promise<void>>();
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];
  #temporaries = 0;
  /** Temporary files that the disk would not let go. */
  readonly #stubborn = new Set<string>();

  constructor(
    private readonly disk: Disk,
    private readonly root: string,
    private readonly index: DiskIndex,
    private readonly quarantine: Quarantine,
    private readonly log: Log,
  ) {}

  pathOf(chunkId: Id): string {
    return `${this.root}/chunks/${chunkId.slice(0, 2)}/${chunkId}`;
  }

  /** Removes what a crash left half-written and finds the chunks that are here. */
  async open(): Promise<void> {
    await this.disk.makeDirectory(`${this.root}/chunks`);
    await this.disk.makeDirectory(`${this.root}/tmp`);
    await this.disk.syncDirectory(this.root);
    for (const { name } of await this.disk.list(`${this.root}/tmp`)) {
      await this.disk.remove(`${this.root}/tmp/${name}`);
    }
    for (const { name, kind } of await this.disk.list(`${this.root}/chunks`)) {
      if (kind !== "directory" || !/^[0-9a-f]{2}$/.test(name)) continue;
      const entries = await this.disk.list(`${this.root}/chunks/${name}`);
      // A process that was killed may have named a chunk and not synced the name any more.
      await this.disk.syncDirectory(`${this.root}/chunks/${name}`);
      for (let at = 0; at < entries.length; at += 32) {
        await Promise.all(entries.slice(at, at + 32).map((entry) => this.#find(name, entry.name)));
      }
    }
  }

  async #find(directory: string, name: string): Promise<void> {
    const path = `${this.root}/chunks/${directory}/${name}`;
    const chunkId = ChunkId.safeParse(name);
    const stat = await this.disk.stat(path);
    if (!chunkId.success || !name.startsWith(directory) || stat?.kind !== "file") {
      this.log.warn("not a chunk file, left alone", { path });
    } else if (stat.sizeBytes < 1 || stat.sizeBytes > limits.chunkBytesMax) {
      await this.quarantine.takeFile(chunkId.data, path, `its size is ${stat.sizeBytes} bytes`);
    } else if (this.index.get(chunkId.data) !== undefined) {
      await this.quarantine.takeFile(chunkId.data, path, "the chunk is in a pack as well");
    } else this.index.set(chunkId.data, { kind: "file", sizeBytes: stat.sizeBytes });
  }

  /** @param replaced a copy that cannot be read, whose place is taken */
  async put(
    chunkId: Id,
    sizeBytes: number,
    source: ByteSource,
    replaced?: Location,
  ): Promise<PutResult> {
    const temporary = `${this.root}/tmp/${chunkId.slice(0, 16)}-${this.#temporaries++}`;
    const file = await this.disk.open(temporary, "create");
    try {
      try {
        await this.#write(file, checkedSource(chunkId, sizeBytes, source));
        const written = await file.sizeBytes();
        if (written !== sizeBytes) {
          throw new Fault("disk-failed", `${temporary} has ${written} of ${sizeBytes} bytes`);
        }
        await file.sync();
      } finally {
        file.close();
      }
      return await this.#inTurn(chunkId, () => this.#name(chunkId, sizeBytes, temporary, replaced));
    } catch (error) {
      this.#stubborn.add(temporary);
      await this.tidy();
      throw error;
    }
  }

  /** Removes what the disk would not let go before. */
  async tidy(): Promise<void> {
    for (const path of [...this.#stubborn]) {
      try {
        await this.disk.remove(path);
        this.#stubborn.delete(path);
      } catch (error) {
        const isGone = error instanceof Fault && error.code === "local-not-found";
        if (isGone) this.#stubborn.delete(path);
      }
    }
  }

  async #write(file: DiskFile, parts: ByteSource): Promise<void> {
    const buffer = this.#buffers.pop() ?? new Uint8Array(writeBytes);
    let filled = 0, offset = 0;
    const flush = async (bytes: Uint8Array<ArrayBuffer>) => {
      await file.write(bytes, offset);
      offset += bytes.length;
    };
    for await (const part of parts) {
      for (let at = 0; at < part.length;) {
        if (filled === 0 && part.length - at >= writeBytes) {
          await flush(part.subarray(at));
          break;
        }
        const taken = part.subarray(at, at + writeBytes - filled);
        buffer.set(taken, filled);
        filled += taken.length;
        at += taken.length;
        if (filled === writeBytes) {
          await flush(buffer);
          filled = 0;
        }
      }
    }
    if (filled > 0) await flush(buffer.subarray(0, filled));
    // Not given back after a failure: a write may still be under way.
    if (this.#buffers.length < 16) this.#buffers.push(buffer);
  }

  /** Gives the finished temporary file its name, unless another sender was first. */
  async #name(
    chunkId: Id,
    sizeBytes: number,
    temporary: string,
    replaced: Location | undefined,
  ): Promise<PutResult> {
    const here = this.index.get(chunkId);
    if (here !== undefined && here !== replaced) {
      await this.disk.remove(temporary);
      return "present";
    }
    const path = this.pathOf(chunkId);
    const directory = path.slice(0, path.lastIndexOf("/"));
    await this.#ready(directory);
    await this.disk.rename(temporary, path);
    try {
      await this.disk.syncDirectory(directory);
    } catch (error) {
      // Of an acknowledged copy whose place was taken this is what is left, under either name.
      if (here === undefined) await this.disk.remove(path).catch(() => {});
      throw error;
    }
    this.index.set(chunkId, { kind: "file", sizeBytes });
    return "stored";
  }

  /** Makes a fan-out directory durably, once. */
  #ready(directory: string): Promise<void> {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const made = (async () => {
      await this.disk.makeDirectory(directory);
      await this.disk.syncDirectory(`${this.root}/chunks`);
    })();
    this.#directories.set(directory, made);
    made.catch(() => this.#directories.delete(directory));
    return made;
  }

  /** @throws Fault `chunk-not-found` when the file was taken away behind our back */
  async read(
    chunkId: Id,
    start: number,
    end: number,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    try {
      return await this.disk.stream(this.pathOf(chunkId), start, end);
    } catch (error) {
      if (!(error instanceof Fault && error.code === "local-not-found")) throw error;
      await this.#inTurn(chunkId, () => this.#missed(chunkId));
      throw new Fault("chunk-not-found", `the file of chunk ${chunkId.slice(0, 12)} is gone`, {
        cause: error,
      });
    }
  }

  async #missed(chunkId: Id): Promise<void> {
    if (await this.disk.stat(this.pathOf(chunkId)) !== undefined) return;
    this.log.error("chunk file is gone", { chunkId, path: this.pathOf(chunkId) });
    this.index.delete(chunkId);
  }

  /** @throws Fault `chunk-corrupt` when its bytes are wrong and cannot be set aside */
  verify(chunkId: Id): Promise<Verdict> {
    return this.#inTurn(chunkId, async () => {
      const path = this.pathOf(chunkId);
      if (this.index.get(chunkId)?.kind !== "file") return "absent";
      if (await this.disk.stat(path) === undefined) {
        await this.#missed(chunkId);
        return "absent";
      }
      const found = await this.#digest(path);
      if (found === chunkId) return "good";
      try {
        await this.quarantine.takeFile(chunkId, path, `its SHA-256 is ${found}`);
      } catch (cause) {
        throw new Fault("chunk-corrupt", `${path} is damaged and cannot be moved`, { cause });
      }
      this.index.delete(chunkId);
      return "corrupt";
    });
  }

  async #digest(path: string): Promise<string> {
    const digest = startDigest();
    const buffer = this.#buffers.pop() ?? new Uint8Array(writeBytes);
    const file = await this.disk.open(path, "read");
    try {
      for (let offset = 0;;) {
        const count = await file.read(buffer, offset);
        if (count === 0) break;
        digest.update(buffer.subarray(0, count));
        offset += count;
      }
    } finally {
      file.close();
    }
    this.#buffers.push(buffer);
    return digest.hex();
  }

  drop(chunkId: Id): Promise<boolean> {
    return this.#inTurn(chunkId, async () => {
      const location = this.index.get(chunkId);
      if (location?.kind !== "file") return false;
      this.index.delete(chunkId);
      try {
        await this.disk.remove(this.pathOf(chunkId));
      } catch (error) {
        if (error instanceof Fault && error.code === "local-not-found") return true;
        this.index.set(chunkId, location);
        throw error;
      }
      return true;
    });
  }

  async #inTurn<T>(chunkId: Id, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(chunkId) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#turns.set(chunkId, mine);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(chunkId) === mine) this.#turns.delete(chunkId);
    }
  }
}
