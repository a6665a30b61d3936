/**
 * The books of a pack store: which packs there are, how much of each lives, and which chunks have
 * dead records somewhere (their drops must outlive them, or an old copy would rise again). Reads
 * packs and sidecars; writes a sidecar where one is missing; appends nothing.
 */
import type { ChunkId } from "../../../protocol/mod.ts";
import type { Disk } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { DiskIndex } from "./chunk_index.ts";
import type { Verdict } from "./chunk_store.ts";
import type { InPack } from "./location.ts";
import { packHeadBytes, recordHeadBytes } from "./pack_format.ts";
import { OpenPack, packPath, sidecarPath } from "./pack_file.ts";
import { type PackContents, scanPack } from "./pack_scan.ts";
import { readSidecar, writeSidecar } from "./pack_sidecar.ts";
import type { Quarantine } from "./quarantine.ts";

/** What the store and its books work on. */
export interface PackStoreParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly index: DiskIndex;
  readonly quarantine: Quarantine;
  /** Reads a chunk again that was met while a pack is rewritten, and tells what was found. */
  readonly verify: (chunkId: ChunkId) => Promise<Verdict>;
  readonly random: Random;
  readonly log: Log;
}

interface PackAccount {
  sizeBytes: number;
  liveBytes: number;
  sealed: boolean;
}

export class PackLedger {
  readonly #packs = new Map<number, PackAccount>();
  /** Dead store records on disk, by chunk. */
  readonly #dead = new Map<ChunkId, number>();
  #highest = 0;

  constructor(private readonly parts: PackStoreParts) {}

  /** Reads all packs into the index. The newest, when it may be appended to. */
  async open(): Promise<OpenPack | undefined> {
    const { disk, directory } = this.parts;
    const names = new Set((await disk.list(directory)).map((entry) => entry.name));
    const numbers: number[] = [];
    for (const name of names) {
      const match = /^(\d{8})\.(pack|index)$/.exec(name);
      if (match?.[2] === "pack") numbers.push(Number(match[1]));
      const orphan = match?.[2] === "index" && !names.has(`${match[1]}.pack`);
      if (orphan || name.endsWith(".new")) await disk.remove(`${directory}/${name}`);
    }
    await disk.syncDirectory(directory);
    numbers.sort((a, b) => a - b);
    this.#highest = numbers.at(-1) ?? 0;
    let newest: OpenPack | undefined;
    for (const number of numbers) newest = await this.#openPack(number);
    return newest;
  }

  async #openPack(number: number): Promise<OpenPack | undefined> {
    const { disk, directory, log } = this.parts;
    const size = (await disk.stat(packPath(directory, number)))?.sizeBytes ?? 0;
    if (size < packHeadBytes && number === this.#highest) {
      // A crash while the pack was being made: nothing in it was ever acknowledged.
      await disk.remove(packPath(directory, number));
      return undefined;
    }
    const known = await readSidecar(disk, sidecarPath(directory, number), size);
    const contents = known ?? await this.#scan(number);
    this.#packs.set(number, { sizeBytes: contents.sizeBytes, liveBytes: 0, sealed: true });
    this.#replay(number, contents);
    for (const gap of contents.gaps) log.error("pack has unreadable bytes", { number, ...gap });
    if (known !== undefined || contents.salt === undefined) return undefined;
    if (number === this.#highest && contents.gaps.length === 0) {
      this.created(number, contents.sizeBytes, this.liveBytesOf(number));
      return await OpenPack.resume(disk, directory, number, contents.salt, contents);
    }
    const { salt, records } = contents;
    await writeSidecar(disk, sidecarPath(directory, number), {
      sizeBytes: contents.sizeBytes,
      salt,
      records,
    }).catch((fault) => log.warn("sidecar not written", { number, fault }));
    return undefined;
  }

  async #scan(number: number): Promise<PackContents> {
    const file = await this.parts.disk.open(packPath(this.parts.directory, number), "update");
    try {
      // A process that was killed may have written what it could not sync any more.
      await file.sync();
      return await scanPack(file);
    } finally {
      file.close();
    }
  }

  #replay(pack: number, contents: PackContents): void {
    for (const record of contents.records) {
      const before = this.parts.index.get(record.chunkId);
      if (before?.kind === "pack") this.died(record.chunkId, before);
      if (record.kind === "drop") {
        this.parts.index.delete(record.chunkId);
        continue;
      }
      const { chunkId, sizeBytes, offset } = record;
      const location: InPack = { kind: "pack", sizeBytes, pack, offset };
      this.stored(location);
      this.parts.index.set(chunkId, location);
    }
  }

  async contentsOf(pack: number): Promise<PackContents> {
    const { disk, directory } = this.parts;
    const size = (await disk.stat(packPath(directory, pack)))?.sizeBytes ?? 0;
    return await readSidecar(disk, sidecarPath(directory, pack), size) ?? await this.#scan(pack);
  }

  nextNumber(): number {
    return ++this.#highest;
  }

  created(pack: number, sizeBytes: number, liveBytes = 0): void {
    this.#packs.set(pack, { sizeBytes, liveBytes, sealed: false });
  }

  grew(pack: number, sizeBytes: number): void {
    const account = this.#packs.get(pack);
    if (account !== undefined) account.sizeBytes = sizeBytes;
  }

  sealed(pack: number): void {
    const account = this.#packs.get(pack);
    if (account !== undefined) account.sealed = true;
  }

  stored(location: InPack): void {
    const account = this.#packs.get(location.pack);
    if (account !== undefined) account.liveBytes += recordHeadBytes + location.sizeBytes;
  }

  died(chunkId: ChunkId, location: InPack): void {
    const account = this.#packs.get(location.pack);
    if (account !== undefined) account.liveBytes -= recordHeadBytes + location.sizeBytes;
    this.#dead.set(chunkId, (this.#dead.get(chunkId) ?? 0) + 1);
  }

  liveBytesOf(pack: number): number {
    return this.#packs.get(pack)?.liveBytes ?? 0;
  }

  isWasteful(pack: number): boolean {
    const account = this.#packs.get(pack);
    return account !== undefined && account.liveBytes * 2 < account.sizeBytes;
  }

  /** Sealed packs of which less than half lives, oldest first. */
  wasteful(): number[] {
    return [...this.#packs.entries()]
      .filter(([number, account]) => account.sealed && this.isWasteful(number))
      .map(([number]) => number)
      .sort((a, b) => a - b);
  }

  /** Chunks dropped in this pack that have a dead record in another one. */
  dropsStillNeeded(contents: PackContents): ChunkId[] {
    const here = deadIn(contents);
    const dropped = new Set<ChunkId>();
    for (const record of contents.records) {
      if (record.kind === "drop") dropped.add(record.chunkId);
    }
    return [...dropped].filter((chunkId) =>
      (this.#dead.get(chunkId) ?? 0) > (here.get(chunkId) ?? 0)
    );
  }

  /** The pack's file is gone, and with it its records, all of them dead by now. */
  removed(pack: number, contents: PackContents): void {
    this.#packs.delete(pack);
    for (const [chunkId, count] of deadIn(contents)) {
      const left = (this.#dead.get(chunkId) ?? 0) - count;
      if (left > 0) this.#dead.set(chunkId, left);
      else this.#dead.delete(chunkId);
    }
  }
}

/** Store records by chunk: when a pack is about to go, all of its records are dead. */
function deadIn(contents: PackContents): Map<ChunkId, number> {
  const counts = new Map<ChunkId, number>();
  for (const record of contents.records) {
    if (record.kind === "store") counts.set(record.chunkId, (counts.get(record.chunkId) ?? 0) + 1);
  }
  return counts;
}
