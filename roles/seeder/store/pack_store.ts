/**
 * Small chunks in shared files, so that thousands of them do not cost a sync each. All changes are
 * appended to one open pack: whoever comes while a group is being synced goes into the next group.
 * A pack that is full is sealed; a sealed one whose live share fell below half is rewritten.
 * Of several records about one chunk the latest counts, by pack and offset.
 */
import { asFault, type ChunkId, chunkIdOf, Fault, limits } from "../../../protocol/mod.ts";
import type { DiskFile } from "../../kit/disk.ts";
import type { PutResult, Verdict } from "./chunk_store.ts";
import type { InPack, Location } from "./location.ts";
import {
  type Bytes,
  packHeadBytes,
  readPackHead,
  readRecordHead,
  recordHeadBytes,
} from "./pack_format.ts";
import { type NewRecord, OpenPack, packPath, sidecarPath } from "./pack_file.ts";
import { PackLedger, type PackStoreParts } from "./pack_ledger.ts";

/** One group is held in memory twice while it is written. */
const groupBytesMax = 8 * 1024 * 1024;
/** A pack this large that is mostly dead is sealed early, so that its space can be won back. */
const sealEarlyBytes = 8 * 1024 * 1024;

interface Waiting {
  readonly record: NewRecord;
  readonly done: (location: InPack) => void;
  readonly failed: (error: unknown) => void;
}

export class PackStore {
  readonly #ledger: PackLedger;
  readonly #waiting: Waiting[] = [];
  readonly #coming = new Map<ChunkId, Promise<InPack>>();
  #active: OpenPack | undefined;
  #writing: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly parts: PackStoreParts) {
    this.#ledger = new PackLedger(parts);
  }

  async open(): Promise<void> {
    await this.parts.disk.makeDirectory(this.parts.directory);
    this.#active = await this.#ledger.open();
    this.#compactSoon();
  }

  /**
   * Stores bytes that were checked already.
   * @param replaced a copy that cannot be read, whose place is taken
   */
  async put(chunkId: ChunkId, bytes: Bytes, replaced?: Location): Promise<PutResult> {
    const here = this.parts.index.get(chunkId);
    if (here !== undefined && here !== replaced) return "present";
    const coming = this.#coming.get(chunkId);
    if (coming !== undefined) {
      await coming;
      return "present";
    }
    const stored = this.#append({ kind: "store", chunkId, sizeBytes: bytes.length, bytes });
    this.#coming.set(chunkId, stored);
    try {
      const location = await stored;
      this.#ledger.stored(location);
      const before = this.parts.index.get(chunkId);
      if (before?.kind === "pack") this.#ledger.died(chunkId, before);
      this.parts.index.set(chunkId, location);
      return "stored";
    } finally {
      this.#coming.delete(chunkId);
    }
  }

  /** The body of a record that is here, or a part of it. */
  async read(chunkId: ChunkId, start: number, end: number): Promise<Bytes> {
    let tried: InPack | undefined;
    while (true) {
      const location = this.parts.index.get(chunkId);
      if (location?.kind !== "pack" || location === tried) {
        throw new Fault("chunk-not-found", `the pack of chunk ${chunkId.slice(0, 12)} is gone`);
      }
      tried = location;
      let file: DiskFile;
      try {
        file = await this.parts.disk.open(packPath(this.parts.directory, location.pack), "read");
      } catch (error) {
        // A compaction may have moved the chunk between looking and opening.
        if (error instanceof Fault && error.code === "local-not-found") continue;
        throw error;
      }
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, location.sizeBytes) - start));
        const at = location.offset + recordHeadBytes + start;
        return bytes.subarray(0, await file.read(bytes, at));
      } finally {
        file.close();
      }
    }
  }

  async verify(chunkId: ChunkId): Promise<Verdict> {
    const location = this.parts.index.get(chunkId);
    if (location?.kind !== "pack") return "absent";
    let bytes: Bytes;
    try {
      bytes = await this.read(chunkId, 0, location.sizeBytes);
    } catch (error) {
      if (!(error instanceof Fault && error.code === "chunk-not-found")) throw error;
      const now = this.parts.index.get(chunkId);
      if (now?.kind !== "pack" || now.pack !== location.pack) return "absent";
      this.parts.log.error("pack is gone", { chunkId, pack: location.pack });
      this.parts.index.delete(chunkId);
      return "absent";
    }
    if (chunkIdOf(bytes) === chunkId) {
      if (!await this.#isHeadGood(chunkId, location)) {
        await this.#writeAnew(chunkId, location, bytes);
      }
      return "good";
    }
    const from = packPath(this.parts.directory, location.pack);
    await this.parts.quarantine.takeBytes(chunkId, bytes, from, "its SHA-256 is another");
    // Somebody may have stored it anew meanwhile: that copy is another one.
    if (this.parts.index.get(chunkId) !== location) return await this.verify(chunkId);
    await this.drop(chunkId);
    return "corrupt";
  }

  /** Whether a start would find the record by its head, should there be no sidecar. */
  async #isHeadGood(chunkId: ChunkId, { pack, offset, sizeBytes }: InPack): Promise<boolean> {
    let file: DiskFile;
    try {
      file = await this.parts.disk.open(packPath(this.parts.directory, pack), "read");
    } catch (error) {
      // A compaction has written it anew meanwhile.
      if (error instanceof Fault && error.code === "local-not-found") return true;
      throw error;
    }
    try {
      const packHead = new Uint8Array(packHeadBytes), head = new Uint8Array(recordHeadBytes);
      await file.read(packHead, 0);
      await file.read(head, offset);
      const found = readRecordHead(readPackHead(packHead), head);
      return found?.chunkId === chunkId && found.sizeBytes === sizeBytes;
    } finally {
      file.close();
    }
  }

  /** Its bytes are good, and may not be found at the next start. */
  async #writeAnew(chunkId: ChunkId, from: InPack, bytes: Bytes): Promise<void> {
    const { pack, offset } = from;
    this.parts.log.error("a record's head is damaged, written anew", { chunkId, pack, offset });
    try {
      await this.#moveBytes(chunkId, from, bytes);
    } catch (fault) {
      this.parts.log.warn("record not written anew", { chunkId, fault });
    }
  }

  /**
   * The chunk is gone from memory at once. On a disk so full that not even the drop can be written,
   * or a failing one, it may come back at the next start: the tracker will see it and order again.
   */
  async drop(chunkId: ChunkId): Promise<boolean> {
    const location = this.parts.index.get(chunkId);
    if (location?.kind !== "pack") return false;
    this.parts.index.delete(chunkId);
    this.#ledger.died(chunkId, location);
    try {
      await this.#append({ kind: "drop", chunkId, sizeBytes: 0, bytes: new Uint8Array() });
    } catch (fault) {
      this.parts.log.warn("drop not recorded", { chunkId, fault });
    }
    this.#compactSoon();
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing !== undefined || this.#compacting !== undefined) {
      await this.#writing;
      await this.#compacting;
    }
    this.#active?.close();
    this.#active = undefined;
  }

  #append(record: NewRecord): Promise<InPack> {
    return new Promise((done, failed) => {
      this.#waiting.push({ record, done, failed });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // Whoever calls in the same breath shall share the first sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group: Waiting[] = [];
      let groupBytes = 0;
      while (this.#waiting.length > 0 && groupBytes < groupBytesMax) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        group.push(next);
        groupBytes += recordHeadBytes + next.record.bytes.length;
      }
      try {
        const pack = await this.#packFor(groupBytes);
        const offsets = await pack.append(group.map((each) => each.record));
        this.#ledger.grew(pack.number, pack.sizeBytes);
        group.forEach(({ record, done }, i) =>
          done({
            kind: "pack",
            pack: pack.number,
            offset: offsets[i] ?? 0,
            sizeBytes: record.sizeBytes,
          })
        );
      } catch (error) {
        for (const each of group) each.failed(asFault(error));
      }
    }
    // In the same breath as the look at those that wait: whoever comes next begins anew.
    this.#writing = undefined;
  }

  async #packFor(groupBytes: number): Promise<OpenPack> {
    const pack = this.#active;
    if (pack !== undefined) {
      const full = pack.sizeBytes + groupBytes > limits.packBytesMax;
      const wasteful = pack.sizeBytes > sealEarlyBytes && this.#ledger.isWasteful(pack.number);
      if (!full && !wasteful && !pack.broken) return pack;
      this.#active = undefined;
      await pack.seal().catch((fault) =>
        this.parts.log.warn("pack sealed without sidecar", { pack: pack.number, fault })
      );
      this.#ledger.sealed(pack.number);
      this.#compactSoon();
    }
    const number = this.#ledger.nextNumber();
    const fresh = await OpenPack.create(
      this.parts.disk,
      this.parts.directory,
      number,
      this.parts.random,
    );
    this.#ledger.created(number, fresh.sizeBytes);
    return this.#active = fresh;
  }

  #compactSoon(): void {
    if (this.#closed || this.#compacting !== undefined) return;
    if (this.#ledger.wasteful().length === 0) return;
    this.#compacting = this.#compactAll().finally(() => this.#compacting = undefined);
  }

  async #compactAll(): Promise<void> {
    await Promise.resolve();
    const tried = new Set<number>();
    while (!this.#closed) {
      const pack = this.#ledger.wasteful().find((number) => !tried.has(number));
      if (pack === undefined) return;
      tried.add(pack);
      try {
        await this.#compact(pack);
      } catch (fault) {
        // Nothing is lost: the pack stays as it is, and the next drop tries again.
        this.parts.log.warn("pack not rewritten", { pack, fault });
      }
    }
  }

  /** Copies what lives in a sealed pack to the open one, then removes the pack. */
  async #compact(pack: number): Promise<void> {
    const { freeBytes } = await this.parts.disk.space(this.parts.directory);
    if (freeBytes < 2 * this.#ledger.liveBytesOf(pack)) {
      throw new Fault("disk-full", `no room to rewrite pack ${pack} beside what it holds`);
    }
    const contents = await this.#ledger.contentsOf(pack);
    let moving: Promise<void>[] = [], movingBytes = 0;
    for (const record of contents.records) {
      if (record.kind !== "store") continue;
      const location = this.parts.index.get(record.chunkId);
      if (location?.kind !== "pack" || location.pack !== pack) continue;
      if (location.offset !== record.offset) continue;
      moving.push(this.#move(record.chunkId, location));
      movingBytes += record.sizeBytes;
      if (movingBytes < groupBytesMax / 2) continue;
      await Promise.all(moving);
      moving = [];
      movingBytes = 0;
    }
    await Promise.all(moving);
    for (const chunkId of this.#ledger.dropsStillNeeded(contents)) {
      if (this.parts.index.get(chunkId) !== undefined || this.#coming.has(chunkId)) continue;
      const drop = { kind: "drop", chunkId, sizeBytes: 0, bytes: new Uint8Array() } as const;
      try {
        await this.#append(drop);
      } catch (fault) {
        this.parts.log.warn("drop not carried over", { chunkId, fault });
      }
    }
    if (this.#ledger.liveBytesOf(pack) > 0) return;
    await this.parts.disk.remove(packPath(this.parts.directory, pack));
    await this.parts.disk.remove(sidecarPath(this.parts.directory, pack)).catch(() => {});
    this.#ledger.removed(pack, contents);
    this.parts.log.info("pack rewritten", { pack, bytes: contents.sizeBytes });
  }

  async #move(chunkId: ChunkId, from: InPack): Promise<void> {
    const bytes = await this.read(chunkId, 0, from.sizeBytes).catch(() => undefined);
    if (this.parts.index.get(chunkId) !== from) return;
    if (bytes === undefined || chunkIdOf(bytes) !== chunkId) {
      await this.parts.verify(chunkId);
      return;
    }
    await this.#moveBytes(chunkId, from, bytes);
  }

  async #moveBytes(chunkId: ChunkId, from: InPack, bytes: Bytes): Promise<void> {
    // A record behind that of a drop would rise again at the next start.
    if (this.parts.index.get(chunkId) !== from) return;
    const to = await this.#append({ kind: "store", chunkId, sizeBytes: bytes.length, bytes });
    this.#ledger.stored(to);
    if (this.parts.index.get(chunkId) === from) {
      this.#ledger.died(chunkId, from);
      this.parts.index.set(chunkId, to);
    } else this.#ledger.died(chunkId, to);
  }
}
