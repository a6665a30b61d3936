/**
 * Files of a person that are held in place: which there are, by the journal on disk, and their
 * chunks in the index beside the seeder's own. Such a file is only ever read. Before bytes of it go
 * out, size, time and inode of what was opened must be those it was hashed with, wherever its path
 * leads by now; the reader's check of the hash stands behind that.
 *
 * In memory is, of each file, where its lines stand in the journal and a hash of its path; the rest
 * is read when it is needed.
 */
import { type ChunkId, Fault, type RemotePath, startDigest } from "../../../protocol/mod.ts";
import { type Disk, type DiskFile, streamOf } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import {
  type AdoptedHead,
  type AdoptedLine,
  headOf,
  keyOf,
  type Offered,
  type Part,
  placesIn,
} from "./adopted_format.ts";
import { AdoptedJournal } from "./adopted_journal.ts";
import { openAsHashed } from "./confined.ts";
import { Waiting } from "./adopted_waiting.ts";
import type { DiskIndex } from "./chunk_index.ts";
import type { InPlace } from "./location.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface AdoptedParts {
  readonly disk: Disk;
  /** The disk folder: what a path begins from. */
  readonly folder: string;
  readonly journalPath: string;
  readonly index: DiskIndex;
  readonly log: Log;
}

/** Lines of files that are gone are left out when the journal is opened and they are half of it. */
const rewriteFromBytes = 1024 * 1024;
const headsKept = 512;

export class AdoptedFiles {
  #journal: AdoptedJournal;
  /** By the number of the file: where its first and last line begin; 0 when it is gone. */
  #firstAt: number[] = [0];
  #lastAt: number[] = [0];
  #byPath = new Map<number, number>();
  #offered: Offered | undefined;
  /** The file whose lines were broken off, and up to which chunk it got. */
  #partial: { readonly head: AdoptedHead; readonly next: number } | undefined;
  /** The file that got its number last: it may have no line yet. */
  begun: number | undefined;
  readonly #heads = new Map<number, AdoptedHead>();
  #count = 0;
  #bytes = 0;
  #deadBytes = 0;
  /** Called when a file turned out to be changed or gone. */
  onChange: () => void = () => {};

  constructor(private readonly parts: AdoptedParts) {
    this.#journal = new AdoptedJournal(parts.disk, parts.journalPath, parts.log);
  }

  /** Finds what was adopted before. Only what was offered has its chunks in the index. */
  async open(): Promise<void> {
    await this.#load();
    if (this.#journal.sizeBytes < rewriteFromBytes) return;
    if (this.#deadBytes * 2 < this.#journal.sizeBytes) return;
    await this.#rewrite();
  }

  async #load(): Promise<void> {
    const waiting = new Waiting();
    await this.#journal.open(({ at, line }) => {
      if ("path" in line) {
        this.#note(line, at);
        waiting.add(line);
      } else if ("gone" in line) {
        waiting.take(line.gone);
        return this.#erase(line.gone);
      } else if ("unlisted" in line) {
        const { unlisted, index } = line;
        if (!waiting.unlist(unlisted, index)) return this.#unlist(unlisted, index);
      } else if ("offered" in line) {
        this.#offered = line;
        // Numbers of files that are gone are not given again.
        while (this.highest < line.offered) this.#grow();
        for (const { part, skipped } of waiting.upTo(line.offered)) this.#list(part, skipped);
      }
      return undefined;
    });
  }

  /** A line of a file, as read or written. */
  #note(part: Part, at: number): void {
    const { file, path, from, chunks, last } = part;
    if (from === 0) this.#firstAt[file] = at;
    if (last === undefined) {
      this.#partial = { head: headOf(part), next: from + chunks.length };
      return;
    }
    this.#partial = undefined;
    this.#lastAt[file] = at;
    this.#byPath.set(keyOf(path), file);
    this.#count++;
    this.#bytes += part.sizeBytes;
  }

  #grow(): void {
    this.#firstAt.push(0);
    this.#lastAt.push(0);
  }

  #list(part: Part, skipped: ReadonlySet<number> = new Set()): void {
    for (const { chunkId, sizeBytes, offset } of placesIn(part)) {
      if (skipped.has(offset / part.chunkSizeBytes)) continue;
      this.parts.index.adopt(chunkId, { file: part.file, offset, sizeBytes });
    }
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The highest number a file has. */
  get highest(): number {
    return this.#firstAt.length - 1;
  }

  get offered(): Offered | undefined {
    return this.#offered;
  }

  /** How much of a file was hashed when that was broken off. */
  get partial(): { readonly head: AdoptedHead; readonly next: number } | undefined {
    return this.#partial;
  }

  isWhole(file: number): boolean {
    return (this.#lastAt[file] ?? 0) > 0;
  }

  /** The file that was hashed under this path. */
  async known(path: RemotePath): Promise<AdoptedHead | undefined> {
    const file = this.#byPath.get(keyOf(path));
    if (file === undefined) return undefined;
    const head = await this.head(file);
    return head?.path === path ? head : undefined;
  }

  async head(file: number): Promise<AdoptedHead | undefined> {
    const kept = this.#heads.get(file);
    if (kept !== undefined) return kept;
    const at = this.#firstAt[file] ?? 0;
    if (at === 0) return undefined;
    for await (const { line } of this.#journal.linesFrom(at)) {
      if (!("path" in line) || line.file !== file) break;
      const head = headOf(line);
      this.#heads.set(file, head);
      const oldest = this.#heads.keys().next();
      if (this.#heads.size > headsKept && !oldest.done) this.#heads.delete(oldest.value);
      return head;
    }
    return undefined;
  }

  /** The lines of a file, in order; none when it is gone. */
  async *partsOf(file: number): AsyncGenerator<Part> {
    const from = this.#firstAt[file] ?? 0;
    if (from === 0) return;
    for await (const { line } of this.#journal.linesFrom(from)) {
      if (!("path" in line)) continue;
      if (line.file > file) return;
      if (line.file !== file) continue;
      yield line;
      if (line.last) return;
    }
  }

  /** Begins a file, which gets the next number. */
  begin(head: Omit<AdoptedHead, "file">): AdoptedHead {
    this.#grow();
    this.begun = this.highest;
    return { ...head, file: this.highest };
  }

  /** Chunks of a file that were hashed. They are held once the file was offered. */
  async add(part: Part): Promise<void> {
    const [at] = await this.#journal.append([part]);
    if (at !== undefined) this.#note(part, at);
  }

  /** Holds the chunks of a whole file from now on: it is about to be offered. */
  async list(file: number): Promise<void> {
    for await (const part of this.partsOf(file)) {
      // It may have turned out to be gone while it was read.
      if (this.isWhole(file)) this.#list(part);
    }
  }

  async noteOffered(offered: Offered): Promise<void> {
    await this.#journal.append([offered]);
    this.#offered = offered;
  }

  sync(): Promise<void> {
    return this.#journal.sync();
  }

  /** Nothing of this file counts any more: it was changed, moved or removed. */
  async forget(file: number, why: string): Promise<void> {
    if (file === this.begun) this.begun = undefined;
    if ((this.#firstAt[file] ?? 0) === 0) return;
    const head = await this.head(file);
    await this.#erase(file);
    this.parts.log.info("an adopted file is not what it was", { path: head?.path, why });
    await this.#keep({ gone: file });
    this.onChange();
  }

  /** What cannot be written down is found out again after the next start. */
  async #keep(line: AdoptedLine): Promise<void> {
    try {
      await this.#journal.append([line]);
    } catch (fault) {
      this.parts.log.warn("journal of adopted files not written", { fault });
    }
  }

  async #erase(file: number): Promise<void> {
    const whole = this.isWhole(file);
    const parts = await Array.fromAsync(this.partsOf(file));
    for (const part of parts) {
      for (const { chunkId, offset } of placesIn(part)) {
        this.parts.index.disown(chunkId, { file, offset });
      }
      this.#deadBytes += 200 + part.path.length + 67 * part.chunks.length;
    }
    const [first] = parts;
    if ((this.#firstAt[file] ?? 0) === 0) return;
    this.#firstAt[file] = 0;
    this.#lastAt[file] = 0;
    this.#heads.delete(file);
    if (this.#partial?.head.file === file) this.#partial = undefined;
    if (first === undefined || !whole) return;
    const key = keyOf(first.path);
    if (this.#byPath.get(key) === file) this.#byPath.delete(key);
    this.#count--;
    this.#bytes -= first.sizeBytes;
  }

  async #unlist(file: number, index: number): Promise<void> {
    for await (const part of this.partsOf(file)) {
      for (const { chunkId, offset } of placesIn(part)) {
        if (offset !== index * part.chunkSizeBytes) continue;
        this.parts.index.disown(chunkId, { file, offset });
      }
    }
  }

  /** The file, open, if it is still the one that was hashed; forgets it when not. */
  async #open(file: number): Promise<DiskFile | undefined> {
    const head = await this.head(file);
    if (head === undefined) return undefined;
    const { disk, folder } = this.parts;
    const opened = await openAsHashed(disk, folder, head);
    if (typeof opened !== "string") return opened;
    await this.forget(file, opened);
    return undefined;
  }

  /**
   * The bytes of an adopted chunk from `start` to `end`.
   * @throws Fault `chunk-not-found` when no file that holds it is as it was
   */
  async read(chunkId: ChunkId, start: number, end: number): Promise<ReadableStream<Bytes>> {
    let cause: unknown;
    for (const place of this.parts.index.placesOf(chunkId)) {
      try {
        const file = await this.#open(place.file);
        if (file !== undefined) return streamOf(file, place.offset + start, place.offset + end);
      } catch (error) {
        cause = error;
      }
    }
    if (cause !== undefined) throw cause;
    throw new Fault("chunk-not-found", `no file holds chunk ${chunkId.slice(0, 12)} any more`);
  }

  /** Reads the chunk again in every file; those that hold something else are not counted on. */
  async verify(chunkId: ChunkId): Promise<"good" | "corrupt" | "absent"> {
    let found: "good" | "corrupt" | "absent" = "absent";
    for (const place of this.parts.index.placesOf(chunkId)) {
      const digest = await this.#digest(place);
      if (digest === undefined) continue;
      const after = digest === chunkId ? undefined : await this.#open(place.file);
      after?.close();
      if (digest === chunkId) found = "good";
      else if (after !== undefined) {
        this.parts.log.error("a file holds other bytes although its size and time are the same", {
          chunkId,
          path: (await this.head(place.file))?.path,
          next: "compare it with a backup; test the disk and the memory",
        });
        await this.#disown(chunkId, place);
        if (found === "absent") found = "corrupt";
      }
    }
    return found;
  }

  /** Undefined when the file is not there any more. */
  async #digest({ file: number, offset, sizeBytes }: InPlace): Promise<string | undefined> {
    const file = await this.#open(number);
    if (file === undefined) return undefined;
    try {
      const digest = startDigest();
      const buffer = new Uint8Array(Math.min(sizeBytes, 1024 * 1024));
      for (let at = 0; at < sizeBytes;) {
        const wanted = buffer.subarray(0, Math.min(buffer.length, sizeBytes - at));
        const count = await file.read(wanted, offset + at);
        if (count === 0) break;
        digest.update(wanted.subarray(0, count));
        at += count;
      }
      return digest.hex();
    } finally {
      file.close();
    }
  }

  async #disown(chunkId: ChunkId, place: InPlace): Promise<void> {
    const head = await this.head(place.file);
    this.parts.index.disown(chunkId, place);
    if (head === undefined) return;
    await this.#keep({ unlisted: place.file, index: place.offset / head.chunkSizeBytes });
  }

  /** Holds this chunk no more. The files stay as they are. */
  async drop(chunkId: ChunkId): Promise<boolean> {
    const places = this.parts.index.placesOf(chunkId);
    for (const place of places) await this.#disown(chunkId, place);
    return places.length > 0;
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** Without the lines of files that are gone. */
  async #rewrite(): Promise<void> {
    const { parts } = this;
    const before = this.#journal.sizeBytes;
    await this.#journal.replaceWith(this.#liveLines());
    this.#journal = new AdoptedJournal(parts.disk, parts.journalPath, parts.log);
    this.#byPath.clear();
    this.#heads.clear();
    this.#firstAt = [0];
    this.#lastAt = [0];
    this.#partial = undefined;
    this.#count = this.#bytes = this.#deadBytes = 0;
    await this.#load();
    const after = this.#journal.sizeBytes;
    parts.log.info("journal of adopted files rewritten", { before, after });
  }

  async *#liveLines(): AsyncGenerator<AdoptedLine> {
    const { index } = this.parts;
    const upTo = this.#offered?.offered ?? 0;
    let told = false;
    yield { format: "offshore adopted 1" };
    for (let file = 1; file <= this.highest; file++) {
      if (file > upTo && !told && this.#offered !== undefined) {
        told = true;
        yield this.#offered;
      }
      const unlisted: AdoptedLine[] = [];
      for await (const part of this.partsOf(file)) {
        yield part;
        if (file > upTo) continue;
        for (const { chunkId, offset } of placesIn(part)) {
          const isListed = index.placesOf(chunkId).some((place) =>
            place.file === file && place.offset === offset
          );
          if (!isListed) unlisted.push({ unlisted: file, index: offset / part.chunkSizeBytes });
        }
      }
      yield* unlisted;
    }
    if (!told && this.#offered !== undefined) yield this.#offered;
  }
}
