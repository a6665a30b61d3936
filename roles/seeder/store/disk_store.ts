/**
 * The chunk store on a disk: large chunks in files of their own, small ones in packs, those of
 * adopted files in place, one index in memory over all. The layout is written down to the byte in
 * docs/DISK.md.
 */
import {
  asFault,
  type ChunkId,
  chunkIdOf,
  Fault,
  type HeldChunk,
  limits,
  type Space,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Disk } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import { AdoptedFiles } from "./adopted_files.ts";
import { type ByteSource, checkDigest, checkedBytes, checkOnly } from "./checked_source.ts";
import { ChunkIndex } from "./chunk_index.ts";
import type { ChunkStore, PutResult, StoredChunk, Verdict } from "./chunk_store.ts";
import { FileStore } from "./file_store.ts";
import type { Location } from "./location.ts";
import { isReadFailure, Losses } from "./losses.ts";
import { notHere } from "./memory_store.ts";
import { recordHeadBytes } from "./pack_format.ts";
import { PackStore } from "./pack_store.ts";
import { Quarantine } from "./quarantine.ts";
import { Room } from "./room.ts";

export interface DiskStoreParts {
  readonly disk: Disk;
  readonly directory: string;
  /** The disk folder, whose files may be adopted; without it none is held in place. */
  readonly folder?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Instead of `limits.seederReserveBytes`. */
  readonly reserveBytes?: number;
}

export interface DiskStore extends ChunkStore {
  readonly adopted: AdoptedFiles | undefined;
}

/**
 * @throws Fault `disk-unusable`, `disk-failed`, `disk-full` when the folders cannot be made or read
 */
export async function openDiskStore(parts: DiskStoreParts): Promise<DiskStore> {
  const { disk, directory, clock, random, log } = parts;
  const index = new ChunkIndex<Location>();
  const losses = new Losses(index, clock, log);
  const quarantine = new Quarantine(disk, `${directory}/quarantine`, clock, log);
  const packs = new PackStore({
    disk,
    directory: `${directory}/packs`,
    index,
    quarantine,
    verify,
    random,
    log,
  });
  const files = new FileStore(disk, directory, index, quarantine, log);
  const room = new Room(disk, directory, parts.reserveBytes ?? limits.seederReserveBytes);
  const startedMs = clock.now();
  await makeDurableDirectory(disk, directory);
  await quarantine.open();
  await packs.open();
  await files.open();
  const adopted = parts.folder === undefined ? undefined : new AdoptedFiles({
    disk,
    folder: parts.folder,
    journalPath: `${directory}/adopted.log`,
    index,
    log,
  });
  await adopted?.open();
  log.info("chunk store open", { ...index.summary(), tookMs: clock.now() - startedMs });

  function roomFor<T>(sizeBytes: number, work: () => Promise<T>): Promise<T> {
    return room.during(sizeBytes + recordHeadBytes, work);
  }

  const ownOf = (kind: Location["kind"]) => kind === "file" ? files : packs;

  /**
   * A receipt will say that the copy is good, so the one that is here is read again first. One that
   * is not good is set aside, and the bytes that come take its place, as they do that of one that
   * cannot be read.
   */
  async function lookAt(chunkId: ChunkId): Promise<"good" | "absent" | { unreadable: Location }> {
    const location = index.get(chunkId);
    if (location === undefined) return "absent";
    try {
      const found = await noted(chunkId, () => ownOf(location.kind).verify(chunkId));
      return found === "good" ? "good" : "absent";
    } catch (error) {
      if (!isReadFailure(error)) throw error;
      return { unreadable: location };
    }
  }

  async function put(
    chunkId: ChunkId,
    sizeBytes: number,
    source: ByteSource,
  ): Promise<PutResult> {
    const found = await lookAt(chunkId);
    if (found === "good") {
      await checkOnly(chunkId, sizeBytes, source);
      if (isStored(chunkId)) return "present";
      throw new Fault("unavailable", "the chunk was dropped while it was being sent again");
    }
    return await roomFor(sizeBytes, async () => {
      const replaced = found === "absent" ? undefined : found.unreadable;
      if (sizeBytes >= limits.packedChunkBytesMax) {
        return await files.put(chunkId, sizeBytes, source, replaced);
      }
      return await packs.put(chunkId, await checkedBytes(chunkId, sizeBytes, source), replaced);
    });
  }

  async function putOne(
    chunkId: ChunkId,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<PutResult> {
    if (bytes.length >= limits.packedChunkBytesMax) {
      return await put(chunkId, bytes.length, onePart(bytes));
    }
    checkDigest(chunkId, chunkIdOf(bytes));
    const found = await lookAt(chunkId);
    if (found === "good") return "present";
    return await packs.put(chunkId, bytes, found === "absent" ? undefined : found.unreadable);
  }

  async function putMany(
    items: readonly { readonly chunkId: ChunkId; readonly bytes: Uint8Array<ArrayBuffer> }[],
  ): Promise<(PutResult | Fault)[]> {
    const total = items.reduce((sum, item) => sum + item.bytes.length + recordHeadBytes, 0);
    const all = () =>
      Promise.all(items.map(({ chunkId, bytes }) => putOne(chunkId, bytes).catch(asFault)));
    try {
      return await room.during(total, all);
    } catch (error) {
      // No room for all: each for itself, so that those that fit are taken.
      if (items.length === 1 || !(error instanceof Fault && error.code === "disk-full")) {
        return items.map(() => asFault(error));
      }
      const results: (PutResult | Fault)[] = [];
      for (const item of items) results.push((await putMany([item]))[0] ?? asFault(error));
      return results;
    }
  }

  async function read(
    chunkId: ChunkId,
    range?: { start: number; end: number },
  ): Promise<StoredChunk> {
    const sizeBytes = index.sizeOf(chunkId);
    if (sizeBytes === undefined) throw notHere(chunkId);
    if (!index.holds(chunkId) && await verify(chunkId) !== "good") throw notHere(chunkId);
    const start = range?.start ?? 0, end = range?.end ?? sizeBytes;
    try {
      return { sizeBytes, body: await bodyOf(chunkId, start, end) };
    } catch (error) {
      losses.failed(chunkId, error);
      if (!index.holds(chunkId)) losses.lost(chunkId, "gone");
      throw error;
    }
  }

  async function bodyOf(
    chunkId: ChunkId,
    start: number,
    end: number,
  ): Promise<StoredChunk["body"]> {
    const location = index.get(chunkId);
    try {
      if (location !== undefined) return await ownOf(location.kind).read(chunkId, start, end);
    } catch (error) {
      if (index.placesOf(chunkId).length === 0) throw error;
    }
    if (adopted === undefined) throw notHere(chunkId);
    return await adopted.read(chunkId, start, end);
  }

  function verify(chunkId: ChunkId): Promise<Verdict> {
    return noted(chunkId, () => verifyCopies(chunkId));
  }

  /** What `work` found when it read the chunk again, told to whoever should know. */
  async function noted(chunkId: ChunkId, work: () => Promise<Verdict>): Promise<Verdict> {
    const wasHeld = index.holds(chunkId);
    try {
      const found = await work();
      if (found === "good") losses.settled(chunkId);
      else if (found === "corrupt") losses.lost(chunkId, found);
      else if (wasHeld && !index.holds(chunkId)) losses.lost(chunkId, "gone");
      return found;
    } catch (error) {
      losses.failed(chunkId, error);
      throw error;
    }
  }

  /** What counts is the store's own copy; a person's file, where there is none. */
  async function verifyCopies(chunkId: ChunkId): Promise<Verdict> {
    const location = index.get(chunkId);
    if (location === undefined) return await adopted?.verify(chunkId) ?? "absent";
    try {
      await adopted?.verify(chunkId);
    } catch (fault) {
      log.warn("a person's file cannot be read", { chunkId, fault });
    }
    return await ownOf(location.kind).verify(chunkId);
  }

  async function drop(chunkId: ChunkId): Promise<boolean> {
    const location = index.get(chunkId);
    if (location === undefined) return await adopted?.drop(chunkId) ?? false;
    const dropped = await ownOf(location.kind).drop(chunkId);
    losses.settled(chunkId);
    return dropped;
  }

  const isStored = (chunkId: ChunkId) => index.get(chunkId) !== undefined && index.holds(chunkId);

  return {
    adopted,
    put,
    putMany,
    read,
    verify,
    drop,
    sizeOf: (chunkId) => index.sizeOf(chunkId),
    isStored,
    holds: (chunkId) => index.holds(chunkId),
    doubtful: () => losses.doubtful(),
    watch: (listener) => losses.watch(listener),
    list: (after, limit): Promise<HeldChunk[]> => Promise.resolve(index.page(after, limit)),
    summary: () => index.summary(),
    space: async (): Promise<Space> => {
      await files.tidy();
      return { ...await room.space(), usedBytes: index.summary().usedBytes };
    },
    close: async () => {
      await adopted?.close();
      await packs.close();
    },
  };
}

async function* onePart(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield await Promise.resolve(bytes);
}

/**
 * A new directory's own name is safe only when the directory above it is synced. Also done where it
 * exists: it may have been made by a process that was killed before it could sync. Two levels up:
 * `.offshore` and the role's own folder are ours.
 */
async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path);
  let above = path;
  for (let level = 0; level < 2 && above.length > 1; level++) {
    above = above.slice(0, Math.max(1, above.lastIndexOf("/")));
    await disk.syncDirectory(above);
  }
}
