/**
 * What a transaction may change in the memory engine. Everything goes through the journalled
 * tables.
 */
import {
  type ChunkEntry,
  type ChunkId,
  Fault,
  InventorySum,
  type SeederId,
  type UploadId,
  type VersionId,
} from "../../../protocol/mod.ts";
import {
  type AdoptionRow,
  type LogRow,
  type NodeId,
  type NodeRow,
  rootNodeId,
  type SeederRow,
  type Totals,
  type TrashRow,
  type UploadRow,
  type VersionRow,
} from "./catalog.ts";
import { holdingAfter, type HoldingRow } from "./holding_rows.ts";
import type { CounterName } from "./memory_tables.ts";
import { MemoryView } from "./memory_view.ts";
import type { Tables } from "./synchronous.ts";

export class MemoryWrites extends MemoryView implements Tables {
  reset(): void {
    this.data.clear();
  }

  putSetting(name: string, value: string): void {
    this.data.settings.set(name, value);
  }

  appendLog(row: LogRow): void {
    const head = this.logHead()?.sequence ?? 0;
    if (row.sequence !== head + 1) {
      throw new Fault("internal", `log row ${row.sequence} cannot follow row ${head}`);
    }
    this.data.log.set(row.sequence, { ...row });
  }

  beginLog(row: LogRow): void {
    if (this.logHead() !== undefined) throw new Fault("internal", "the log has begun already");
    this.data.log.set(row.sequence, { ...row });
  }

  trimLog(sequence: number, limit: number): number {
    const old = this.data.log.page(undefined, limit).filter(([each]) => each < sequence);
    for (const [each] of old) this.data.log.delete(each);
    return old.length;
  }

  cutLog(sequence: number): void {
    for (let head = this.logHead(); head !== undefined && head.sequence > sequence;) {
      this.data.log.delete(head.sequence);
      head = this.logHead();
    }
  }

  raiseHighestNodeId(nodeId: NodeId): void {
    this.data.counters.set("highestNodeId", Math.max(this.highestNodeId(), nodeId));
  }

  putNode(row: NodeRow): void {
    const namesake = this.data.children.of(row.parentId).get(row.name);
    if (namesake !== undefined && namesake !== row.nodeId) {
      throw new Fault("internal", `directory ${row.parentId} has a "${row.name}" already`);
    }
    const before = this.data.nodes.get(row.nodeId);
    if (before !== undefined) this.#forgetNode(before);
    if (row.name !== "") this.data.children.set(row.parentId, row.name, row.nodeId);
    this.data.nodes.set(row.nodeId, { ...row });
    this.#countNode(row, 1);
    this.raiseHighestNodeId(row.nodeId);
  }

  #forgetNode(row: NodeRow): void {
    if (row.name !== "") this.data.children.delete(row.parentId, row.name);
    this.data.nodes.delete(row.nodeId);
    this.#countNode(row, -1);
  }

  #countNode(row: NodeRow, sign: 1 | -1): void {
    if (row.kind === "file") {
      this.#count("files", sign);
      this.#count("fileBytes", sign * row.sizeBytes);
    } else if (row.kind === "link") this.#count("links", sign);
    else if (row.nodeId !== rootNodeId) this.#count("directories", sign);
  }

  #count(name: CounterName, change: number): void {
    this.data.counters.set(name, (this.data.counters.get(name) ?? 0) + change);
  }

  removeTree(nodeId: NodeId): Omit<Totals, "chunks" | "fileBytes"> {
    const removed = { file: 0, directory: 0, link: 0 };
    for (const row of this.below(nodeId)) {
      removed[row.kind]++;
      this.#forgetNode(row);
      for (const [versionId] of [...this.data.versionsOfNode.of(row.nodeId).entries()]) {
        this.removeVersion(versionId);
      }
    }
    return { files: removed.file, directories: removed.directory, links: removed.link };
  }

  putTrash(row: TrashRow): void {
    this.data.trash.set(row.trashId, { ...row });
  }

  removeTrash(trashId: number): void {
    this.data.trash.delete(trashId);
  }

  putVersion(row: VersionRow): void {
    const before = this.data.versions.get(row.versionId);
    if (before !== undefined) this.#forgetVersion(before);
    this.data.versions.set(row.versionId, { ...row });
    this.data.versionsOfNode.set(row.nodeId, row.versionId, true);
    if (row.old === undefined) return;
    this.data.oldVersions.set(row.old.number, row.versionId);
    this.#count("oldVersions", 1);
    this.#count("oldBytes", row.sizeBytes);
  }

  #forgetVersion(row: VersionRow): void {
    this.data.versions.delete(row.versionId);
    this.data.versionsOfNode.delete(row.nodeId, row.versionId);
    if (row.old === undefined) return;
    this.data.oldVersions.delete(row.old.number);
    this.#count("oldVersions", -1);
    this.#count("oldBytes", -row.sizeBytes);
  }

  removeVersion(versionId: VersionId): void {
    const row = this.data.versions.get(versionId);
    if (row === undefined) return;
    this.#forgetVersion(row);
    for (const [index, entry] of [...this.data.manifests.of(versionId).entries()]) {
      this.data.manifests.delete(versionId, index);
      this.#name(entry.chunkId, versionId, -1);
    }
  }

  putManifest(versionId: VersionId, from: number, entries: readonly ChunkEntry[]): void {
    for (const i of entries.keys()) {
      const before = this.data.manifests.of(versionId).get(from + i);
      if (before !== undefined) this.#name(before.chunkId, versionId, -1);
    }
    for (const [i, entry] of entries.entries()) {
      this.data.manifests.set(versionId, from + i, plainEntry(entry));
      this.#name(entry.chunkId, versionId, 1, entry.sizeBytes);
    }
  }

  /** Keeps count of how often a version names a chunk, and of the chunks named at all. */
  #name(chunkId: ChunkId, versionId: VersionId, change: 1 | -1, sizeBytes = 0): void {
    const naming = this.data.naming;
    const versionsBefore = naming.of(chunkId).size;
    const times = (naming.of(chunkId).get(versionId) ?? 0) + change;
    if (times === 0) naming.delete(chunkId, versionId);
    else naming.set(chunkId, versionId, times);
    this.#count("chunks", Math.sign(naming.of(chunkId).size) - Math.sign(versionsBefore));
    if (versionsBefore === 0) this.data.chunkSizes.set(chunkId, sizeBytes);
    if (naming.of(chunkId).size === 0) this.data.chunkSizes.delete(chunkId);
  }

  addHoldings(seederId: SeederId, entries: readonly HoldingRow[]): void {
    for (const entry of entries) {
      const { chunkId } = entry;
      const before = this.data.holdings.of(seederId).get(chunkId);
      // A row that is there already is told of itself: only what the interface names is kept.
      const row = holdingAfter(before ?? entry, entry);
      this.data.holdings.set(seederId, chunkId, row);
      this.data.holders.set(chunkId, seederId, true);
      this.#sumUp(seederId, [row], before === undefined ? [] : [before]);
    }
  }

  removeHoldings(seederId: SeederId, chunkIds: readonly ChunkId[]): void {
    const removed = chunkIds.flatMap((chunkId) => {
      const entry = this.data.holdings.of(seederId).get(chunkId);
      if (!this.data.holdings.delete(seederId, chunkId)) return [];
      this.data.holders.delete(chunkId, seederId);
      return entry ?? [];
    });
    this.#sumUp(seederId, [], removed);
  }

  #sumUp(seederId: SeederId, came: readonly HoldingRow[], went: readonly HoldingRow[] = []): void {
    if (came.length + went.length === 0) return;
    const before = this.holdingsSummary(seederId);
    const sum = new InventorySum(before.digest);
    for (const { chunkId, adopted } of [...came, ...went]) sum.toggle(chunkId, adopted);
    const bytesOf = (all: readonly HoldingRow[]) =>
      all.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    this.data.summaries.set(seederId, {
      chunkCount: before.chunkCount + came.length - went.length,
      usedBytes: before.usedBytes + bytesOf(came) - bytesOf(went),
      digest: sum.hex(),
    });
  }

  putUpload(row: UploadRow): void {
    this.data.uploads.set(row.uploadId, { ...row });
  }

  putUploadChunks(
    uploadId: UploadId,
    entries: readonly (ChunkEntry & { readonly index: number })[],
  ): void {
    for (const entry of entries) {
      const before = this.data.uploadChunks.of(uploadId).get(entry.index);
      if (before?.chunkId !== entry.chunkId) {
        this.#record(entry.chunkId, 1);
        if (before !== undefined) this.#record(before.chunkId, -1);
      }
      this.data.uploadChunks.set(uploadId, entry.index, plainEntry(entry));
    }
  }

  #record(chunkId: ChunkId, change: 1 | -1): void {
    const times = (this.data.recorded.get(chunkId) ?? 0) + change;
    if (times === 0) this.data.recorded.delete(chunkId);
    else this.data.recorded.set(chunkId, times);
  }

  removeUpload(uploadId: UploadId): void {
    this.data.uploads.delete(uploadId);
    for (const [, { chunkId }] of this.data.uploadChunks.of(uploadId).entries()) {
      this.#record(chunkId, -1);
    }
    this.data.uploadChunks.deleteAll(uploadId);
  }

  putAdoption(row: AdoptionRow): void {
    this.data.adoptions.set(row.seederId, row.source, { ...row });
  }

  removeAdoptions(seederId: SeederId): void {
    this.data.adoptions.deleteAll(seederId);
  }

  putSeeder(row: SeederRow): void {
    this.data.seeders.set(row.seederId, { ...row });
  }
}

/** Without what a caller's richer entry may carry besides. */
function plainEntry({ chunkId, sizeBytes }: ChunkEntry): ChunkEntry {
  return { chunkId, sizeBytes };
}
