/**
 * Finds and hashes a person's files below the disk folder, in the background: once at the start,
 * again every ten minutes, and soon after a read met a file that is not what it was. Decisions are
 * in `plan/adopt.ts`, what is known of the files in `store/adopted_files.ts`; telling the tracker
 * is `adoption_offer.ts`. Nothing here writes to such a file, and one that cannot be read is told
 * and passed over.
 */
import {
  type AdoptReport,
  asFault,
  chunkBytesAt,
  chunkCountOf,
  type ChunkId,
  chunkIdOf,
  Fault,
  type LeftOut,
  limits,
  RemotePath,
} from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Disk, DiskFile, DiskStat } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import { repeat } from "../kit/pace.ts";
import { type Found, walkFolder } from "./adoption_walk.ts";
import type { Load } from "./load.ts";
import { leftOutWhy, planFile, restAfter, tellable } from "./plan/adopt.ts";
import { type AdoptedHead, isAsHashed, partChunksMax } from "./store/adopted_format.ts";
import type { AdoptedFiles } from "./store/adopted_files.ts";
import { folderRestMs, openConfined } from "./store/confined.ts";
import type { ChunkStore } from "./store/chunk_store.ts";

export interface AdoptionParts {
  readonly adopted: AdoptedFiles;
  readonly disk: Disk;
  readonly folder: string;
  /** Asked for its free space: the index takes some. */
  readonly store: ChunkStore;
  readonly load: Load;
  readonly clock: Clock;
  readonly log: Log;
  /** False: what was adopted stays, and nothing new is looked for. */
  readonly enabled: boolean;
}

/**
 * After a file that was being written, or one that turned out to be changed; twice as long after
 * each look that meets another, so that one busy file does not keep the disk busy for ever.
 */
const soonMs = 10_000;
const noRoomMs = 60_000;
const roomEveryMs = 5_000;
/** Files that are known cost less than the clock can tell. */
const restEveryMs = 20;

export class Adoption {
  #state: AdoptReport["state"] = "counting";
  #filesFound = 0;
  #leftOut: LeftOut[] = [];
  #leftOutCount = 0;
  #again = false;
  #rested = false;
  #soonMs = soonMs;
  #roomMs = -Infinity;
  #wake: () => void = () => {};
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(private readonly parts: AdoptionParts) {
    if (!parts.enabled) this.#state = "off";
    parts.adopted.onChange = () => {
      this.#again = true;
      this.#wake();
    };
  }

  /** What to tell, but for the files that wait to be offered. */
  get report(): Omit<AdoptReport, "filesWaiting"> {
    const { adopted } = this.parts;
    return {
      state: this.#state,
      filesFound: Math.max(this.#filesFound, adopted.count),
      filesIndexed: adopted.count,
      bytesIndexed: adopted.bytes,
      leftOutCount: this.#leftOutCount,
      leftOut: this.#leftOut,
    };
  }

  /** Scans until the signal fires. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, enabled } = this.parts;
    if (!enabled) return;
    await repeat(clock, signal, async () => {
      try {
        await this.#scan(signal);
      } catch (fault) {
        if (!signal.aborted) log.error("looking for files to adopt failed", { fault });
        if (asFault(fault).code === "disk-full") this.#state = "waiting";
        return noRoomMs;
      } finally {
        this.#buffer = undefined;
      }
      this.#state = "resting";
      if (!this.#again) {
        this.#soonMs = soonMs;
        await this.#sleep(limits.adoptScanMs, signal);
      }
      if (!this.#again) return 0;
      const pauseMs = this.#soonMs;
      this.#soonMs = Math.min(2 * pauseMs, limits.adoptScanMs);
      return pauseMs;
    });
  }

  /** Rests, unless a file turns out to be changed meanwhile. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    await this.parts.clock.sleep(ms, AbortSignal.any([signal, waking.signal])).catch(() => {});
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { adopted, disk, folder, clock, load, log } = this.parts;
    if (this.#filesFound === 0) await this.#countFiles(signal);
    this.#state = "indexing";
    this.#again = false;
    this.#rested = false;
    const leftOut: LeftOut[] = [];
    let leftOutCount = 0, filesFound = 0, lookedMs = 0, whole = true;
    const seen = new Uint8Array(adopted.highest + 1);
    // One that was broken off gets its end in this look.
    if (adopted.partial !== undefined) seen[adopted.partial.head.file] = 1;
    const before = adopted.count;
    for await (const found of walkFolder(disk, folder)) {
      if (signal.aborted) return;
      if (found.kind === "file") filesFound++;
      if (found.kind === "unreadable") whole = false;
      const beganMs = clock.now();
      const outcome = await this.#look(found, signal);
      // What is hashed rests by itself.
      if (typeof outcome === "number") lookedMs += clock.now() - beganMs;
      if (lookedMs >= restEveryMs) {
        const restMs = restAfter(lookedMs, load.busy);
        lookedMs = 0;
        if (restMs > 0) await clock.sleep(restMs, signal).catch(() => {});
      }
      if (typeof outcome === "number" && outcome < seen.length) seen[outcome] = 1;
      if (typeof outcome !== "string") continue;
      leftOutCount++;
      const isFirst = leftOut.length < limits.adoptLeftOutMax;
      if (isFirst) leftOut.push({ source: tellable(found.path), why: outcome.slice(0, 200) });
    }
    // Where a folder could not be read nothing is known of what lies in it.
    for (let file = 1; whole && file < seen.length; file++) {
      if (seen[file] === 0 && adopted.isWhole(file)) await adopted.forget(file, "it is gone");
    }
    if (signal.aborted) return;
    const changed = leftOutCount !== this.#leftOutCount || adopted.count !== before;
    this.#filesFound = filesFound;
    this.#leftOut = leftOut;
    this.#leftOutCount = leftOutCount;
    if (changed) {
      log.info("looked for files to adopt", { filesFound, indexed: adopted.count, leftOutCount });
      for (const one of leftOut.slice(0, 10)) log.warn("left out", { ...one });
    }
    await adopted.sync();
  }

  /** So that a person sees of how many files the first are done. */
  async #countFiles(signal: AbortSignal): Promise<void> {
    this.#state = "counting";
    for await (const { kind } of walkFolder(this.parts.disk, this.parts.folder)) {
      if (signal.aborted) return;
      if (kind === "file") this.#filesFound++;
    }
  }

  /** The number of a file that is known and unchanged; why it is left out; else nothing. */
  async #look(found: Found, signal: AbortSignal): Promise<number | string | undefined> {
    const { adopted, disk, folder, clock } = this.parts;
    if (found.kind === "unreadable") return unreadableWhy(found.fault);
    const why = leftOutWhy(found.path, found.kind);
    if (why !== undefined) return why;
    const path = RemotePath.parse(found.path);
    try {
      const stat = await disk.stat(folder + path);
      if (stat?.kind !== "file") return undefined;
      const known = await adopted.known(path);
      const plan = planFile(stat, known, clock.now());
      if (plan.do === "keep" && known !== undefined) return known.file;
      if (known !== undefined) await adopted.forget(known.file, "it was changed");
      if (plan.do === "hash") return await this.#hash(path, stat, signal);
      this.#again = true;
      return undefined;
    } catch (error) {
      const fault = asFault(error);
      if (fault.code === "local-not-found") return undefined;
      if (fault.code === "disk-unusable" || fault.code === "disk-failed") {
        return unreadableWhy(fault);
      }
      throw fault;
    }
  }

  /** Why it is left out, where it is. */
  async #hash(path: RemotePath, stat: DiskStat, signal: AbortSignal): Promise<string | undefined> {
    const { adopted } = this.parts;
    await this.#waitForRoom(signal);
    let file = await openConfined(this.parts, path);
    // Once in a look: the folder in which the seeder made its own was changed by that.
    if (file === undefined && !this.#rested) {
      this.#rested = true;
      await this.parts.clock.sleep(folderRestMs + 1, signal).catch(() => {});
      file = await openConfined(this.parts, path);
    }
    if (file === undefined) {
      this.#again = true;
      return "its folder is being changed: it waits for the next look";
    }
    let begun: AdoptedHead | undefined;
    try {
      const { head, next } = await this.#beginOrGoOn(path, stat);
      begun = head;
      await this.#hashChunks(file, head, next, signal);
      return undefined;
    } catch (error) {
      if (begun !== undefined && !signal.aborted) {
        await adopted.forget(begun.file, "it could not be read to its end");
      }
      throw error;
    } finally {
      file.close();
    }
  }

  /** A large file that was broken off goes on where it was, if it is still the same. */
  async #beginOrGoOn(
    path: RemotePath,
    stat: DiskStat,
  ): Promise<{ head: AdoptedHead; next: number }> {
    const { adopted } = this.parts;
    const { partial } = adopted;
    const chunkSizeBytes = limits.chunkBytesDefault;
    if (partial !== undefined) {
      const { head, next } = partial;
      const same = head.path === path && isAsHashed(head, stat) &&
        head.chunkSizeBytes === chunkSizeBytes;
      if (same) return { head, next };
      await adopted.forget(head.file, "it was not hashed to its end");
    }
    const { sizeBytes, modifiedMs, inode } = stat;
    // What makes a program act for another user is nothing to give to everybody.
    const mode = stat.mode & 0o777;
    const head = adopted.begin({ path, sizeBytes, modifiedMs, inode, mode, chunkSizeBytes });
    return { head, next: 0 };
  }

  async #hashChunks(
    file: DiskFile,
    head: AdoptedHead,
    next: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { adopted, disk, folder, clock, load } = this.parts;
    const count = chunkCountOf(head.sizeBytes, head.chunkSizeBytes);
    let from = next;
    let chunks: ChunkId[] = [];
    for (let index = next; index < count; index++) {
      if (signal.aborted) return;
      const beganMs = clock.now();
      chunks.push(await this.#chunkId(file, head, index));
      if (chunks.length === partChunksMax && index + 1 < count) {
        await adopted.add({ ...head, from, chunks });
        from += chunks.length;
        chunks = [];
      }
      const restMs = restAfter(clock.now() - beganMs, load.busy);
      if (restMs > 0) await clock.sleep(restMs, signal).catch(() => {});
    }
    if (signal.aborted) return;
    const isSame = isAsHashed(head, await file.stat()) &&
      isAsHashed(head, await disk.stat(folder + head.path));
    if (isSame) {
      await adopted.add({ ...head, from, chunks, last: true });
      return;
    }
    this.#again = true;
    await adopted.forget(head.file, "it was changed while it was read");
  }

  async #chunkId(file: DiskFile, head: AdoptedHead, index: number): Promise<ChunkId> {
    const { sizeBytes, chunkSizeBytes } = head;
    this.#buffer ??= new Uint8Array(chunkSizeBytes);
    const bytes = this.#buffer.subarray(0, chunkBytesAt(index, sizeBytes, chunkSizeBytes));
    const count = await file.read(bytes, index * chunkSizeBytes);
    if (count < bytes.length) {
      this.#again = true;
      throw new Fault("local-not-found", `${head.path} was cut while it was read`);
    }
    return chunkIdOf(bytes);
  }

  /** The index takes some room: none of the reserve is spent on it. */
  async #waitForRoom(signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.parts;
    if (clock.now() - this.#roomMs < roomEveryMs) return;
    while ((await store.space()).freeBytes === 0 && !signal.aborted) {
      if (this.#state !== "waiting") {
        log.warn("no room for the index of files to adopt", { next: "free some of the disk" });
      }
      this.#state = "waiting";
      await clock.sleep(noRoomMs, signal).catch(() => {});
    }
    this.#state = "indexing";
    this.#roomMs = clock.now();
  }
}

function unreadableWhy({ code, message }: Fault): string {
  return `it cannot be read: ${code === "disk-unusable" ? "no permission" : message}`;
}
