/**
 * What can be asked of the memory engine. Rows are handed out as they are kept: they are read-only.
 */
import type {
  ChunkEntry,
  ChunkId,
  SeederId,
  TrashSums,
  UploadId,
  VersionId,
  VersionSums,
} from "../../../protocol/mod.ts";
import {
  type AdoptionRow,
  type ChunkUses,
  type LogRow,
  type NodeId,
  type NodeRow,
  type OldVersionRow,
  type SeederRow,
  type Totals,
  trashNodeId,
  type TrashRow,
  type UploadRow,
  type VersionRow,
} from "./catalog.ts";
import { MemoryHoldings } from "./memory_holdings.ts";
import { compareIds } from "./memory_tables.ts";
import type { ViewTables } from "./synchronous.ts";

export class MemoryView extends MemoryHoldings implements ViewTables {
  setting(name: string): string | undefined {
    return this.data.settings.get(name);
  }

  settings(): [string, string][] {
    return [...this.data.settings.entries()];
  }

  node(nodeId: NodeId): NodeRow | undefined {
    return this.data.nodes.get(nodeId);
  }

  nodesAfter(after: NodeId | undefined, limit: number): NodeRow[] {
    return this.data.nodes.page(after, limit).map(([, row]) => row);
  }

  child(parentId: NodeId, name: string): NodeRow | undefined {
    const nodeId = this.data.children.of(parentId).get(name);
    return nodeId === undefined ? undefined : this.data.nodes.get(nodeId);
  }

  children(parentId: NodeId, after: string | undefined, limit: number): NodeRow[] {
    const page = this.data.children.of(parentId).page(after, limit);
    return page.flatMap(([, nodeId]) => this.data.nodes.get(nodeId) ?? []);
  }

  usage(nodeId: NodeId): Omit<Totals, "chunks"> {
    let files = 0, directories = 0, links = 0, fileBytes = 0;
    const rows = nodeId === trashNodeId
      ? this.children(trashNodeId, undefined, Infinity).flatMap((top) => this.below(top.nodeId))
      : this.below(nodeId);
    for (const row of rows) {
      if (row.kind === "file") {
        files++;
        fileBytes += row.sizeBytes;
      } else if (row.kind === "link") links++;
      else if (row.nodeId !== nodeId) directories++;
    }
    return { files, directories, links, fileBytes };
  }

  /** The node and everything below it, parents first. */
  protected below(nodeId: NodeId): NodeRow[] {
    const top = this.data.nodes.get(nodeId);
    const found = top === undefined ? [] : [top];
    for (let i = 0; i < found.length; i++) {
      const parentId = found[i]?.nodeId ?? nodeId;
      for (const [, childId] of this.data.children.of(parentId).entries()) {
        const row = this.data.nodes.get(childId);
        if (row !== undefined) found.push(row);
      }
    }
    return found;
  }

  trashed(trashId: number): TrashRow | undefined {
    return this.data.trash.get(trashId);
  }

  trashedLastAt(path: string): TrashRow | undefined {
    return [...this.data.trash.entries()].map(([, row]) => row)
      .findLast((row) => row.path === path);
  }

  trash(after: number | undefined, limit: number): TrashRow[] {
    return this.data.trash.page(after, limit).map(([, row]) => row);
  }

  trashSums(): TrashSums {
    const rows = [...this.data.trash.entries()].map(([, row]) => row);
    const sum = (of: (row: TrashRow) => number) => rows.reduce((total, row) => total + of(row), 0);
    return {
      entries: rows.length,
      files: sum((row) => row.files),
      directories: sum((row) => row.directories),
      links: sum((row) => row.links),
      fileBytes: sum((row) => row.fileBytes),
    };
  }

  highestNodeId(): NodeId {
    return this.data.counters.get("highestNodeId") ?? 0;
  }

  version(versionId: VersionId): VersionRow | undefined {
    return this.data.versions.get(versionId);
  }

  versionsByPrefix(prefix: string, limit: number): VersionRow[] {
    return this.data.versions.startingAt(prefix as VersionId)
      .take(limit).map(([, row]) => row)
      .filter((row) => row.versionId.startsWith(prefix)).toArray();
  }

  oldVersionsOf(nodeId: NodeId): OldVersionRow[] {
    const ids = this.data.versionsOfNode.of(nodeId).entries().map(([versionId]) => versionId);
    return this.#oldOnes(ids).sort((a, b) => a.old.number - b.old.number);
  }

  oldVersions(after: number | undefined, limit: number): OldVersionRow[] {
    return this.#oldOnes(this.data.oldVersions.page(after, limit).map(([, id]) => id));
  }

  oldVersionsEnded(timeMs: number, limit: number): OldVersionRow[] {
    return this.oldVersions(undefined, Infinity).filter(({ old }) => old.untilMs <= timeMs)
      .sort((a, b) => a.old.untilMs - b.old.untilMs || a.old.number - b.old.number)
      .slice(0, limit);
  }

  #oldOnes(versionIds: Iterable<VersionId>): OldVersionRow[] {
    return [...versionIds].flatMap((versionId) => {
      const row = this.data.versions.get(versionId);
      return row?.old === undefined ? [] : { ...row, old: row.old };
    });
  }

  oldVersionSums(): VersionSums {
    return {
      versions: this.data.counters.get("oldVersions") ?? 0,
      fileBytes: this.data.counters.get("oldBytes") ?? 0,
    };
  }

  versionsAfter(after: VersionId | undefined, limit: number): VersionRow[] {
    return this.data.versions.page(after, limit).map(([, row]) => row);
  }

  manifest(versionId: VersionId, from: number, limit: number): ChunkEntry[] {
    return this.data.manifests.of(versionId).startingAt(from)
      .take(limit).map(([, entry]) => entry).toArray();
  }

  heldChunks(after: string | undefined, limit: number): ChunkEntry[] {
    return this.#heldAfter(after, limit, () => true);
  }

  shortChunks(after: string | undefined, limit: number): ChunkEntry[] {
    return this.#heldAfter(after, limit, (chunkId) => {
      const { wanted, wantedOwn } = this.wants(chunkId);
      const holders = this.data.holders.of(chunkId).entries().map(([seederId]) => seederId);
      const own = holders.filter((seederId) => !this.isAdopted(seederId, chunkId)).toArray();
      return this.data.holders.of(chunkId).size < wanted || own.length < wantedOwn;
    });
  }

  #heldAfter(
    after: string | undefined,
    limit: number,
    fits: (chunkId: ChunkId) => boolean,
  ): ChunkEntry[] {
    const ids = [...this.data.holders.groups()].map(([chunkId]) => chunkId)
      .filter((chunkId) => chunkId > (after ?? "")).sort();
    return ids.values().filter(fits).take(limit).map((chunkId) => {
      const holders = this.data.holders.of(chunkId).entries().toArray();
      const sizes = holders.map(([id]) => this.data.holdings.of(id).get(chunkId)?.sizeBytes ?? 0);
      return { chunkId, sizeBytes: this.data.chunkSizes.get(chunkId) ?? Math.min(...sizes) };
    }).toArray();
  }

  chunksBelow(live: readonly SeederId[]): { atRisk: number; unavailable: number } {
    const alive = new Set(live);
    let atRisk = 0, unavailable = 0;
    for (const [chunkId] of this.data.naming.groups()) {
      const { wanted, wantedOwn } = this.wants(chunkId);
      const held = this.#heldOn(chunkId, alive);
      const own = [...alive].filter((seederId) =>
        this.data.holders.of(chunkId).has(seederId) && !this.isAdopted(seederId, chunkId)
      ).length;
      if (held >= wanted && own >= wantedOwn) {
        continue;
      }
      atRisk++;
      if (held === 0) {
        unavailable++;
      }
    }
    return { atRisk, unavailable };
  }

  chunkUses(chunkIds: readonly ChunkId[]): ChunkUses[] {
    return chunkIds.map((chunkId) => {
      const naming = this.data.naming.of(chunkId);
      const sizeBytes = this.data.chunkSizes.get(chunkId);
      return {
        named: naming.entries().reduce((sum, [, times]) => sum + times, 0),
        ...this.wants(chunkId),
        recorded: this.data.recorded.get(chunkId) ?? 0,
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
      };
    });
  }

  unreferenced(after: ChunkId | undefined, limit: number): ChunkEntry[] {
    const unused = [...this.data.holders.groups()].filter(([chunkId]) =>
      chunkId > (after ?? "") && this.data.naming.of(chunkId).size === 0 &&
      !this.data.recorded.has(chunkId)
    );
    return unused.sort(([a], [b]) => compareIds(a, b)).slice(0, limit)
      .flatMap(([chunkId, holders]) => {
        const [seederId] = holders.page(undefined, 1)[0] ?? [];
        const held = seederId && this.data.holdings.of(seederId).get(chunkId);
        return held ? { chunkId, sizeBytes: held.sizeBytes } : [];
      });
  }

  wanted(chunkIds: readonly ChunkId[]): Map<ChunkId, number> {
    const found = new Map<ChunkId, number>();
    for (const chunkId of chunkIds) {
      const { wanted } = this.wants(chunkId);
      if (wanted > 0) found.set(chunkId, wanted);
    }
    return found;
  }

  copiesLeast(versionId: VersionId, live: readonly SeederId[]): number | undefined {
    const alive = new Set(live);
    return this.data.manifests.of(versionId).entries().reduce<number | undefined>(
      (least, [, { chunkId }]) => Math.min(least ?? Infinity, this.#heldOn(chunkId, alive)),
      undefined,
    );
  }

  #heldOn(chunkId: ChunkId, alive: ReadonlySet<SeederId>): number {
    const holders = this.data.holders.of(chunkId).entries();
    return holders.reduce((count, [seederId]) => count + (alive.has(seederId) ? 1 : 0), 0);
  }

  totals(): Totals {
    const count = (name: keyof Totals) => this.data.counters.get(name) ?? 0;
    return {
      files: count("files"),
      directories: count("directories"),
      links: count("links"),
      fileBytes: count("fileBytes"),
      chunks: count("chunks"),
    };
  }

  upload(uploadId: UploadId): UploadRow | undefined {
    return this.data.uploads.get(uploadId);
  }

  uploadChunks(
    uploadId: UploadId,
    from: number,
    limit: number,
  ): (ChunkEntry & { readonly index: number })[] {
    return this.data.uploadChunks.of(uploadId).startingAt(from)
      .take(limit).map(([index, entry]) => ({ ...entry, index })).toArray();
  }

  uploadsEndedBefore(timeMs: number, limit: number): UploadId[] {
    const ended = this.data.uploads.entries().filter(([, row]) => row.leaseEndsMs < timeMs);
    return ended.take(limit).map(([uploadId]) => uploadId).toArray();
  }

  uploadCount(): number {
    return this.data.uploads.size;
  }

  uploadTimes(): { oldestMs: number; newestMs: number } | undefined {
    let oldestMs = Infinity, newestMs = -Infinity;
    for (const [, { openedMs }] of this.data.uploads.entries()) {
      oldestMs = Math.min(oldestMs, openedMs);
      newestMs = Math.max(newestMs, openedMs);
    }
    return this.data.uploads.size === 0 ? undefined : { oldestMs, newestMs };
  }

  adoption(seederId: SeederId, source: string): AdoptionRow | undefined {
    return this.data.adoptions.of(seederId).get(source);
  }

  adoptions(
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): AdoptionRow[] {
    const groups = [...this.data.adoptions.groups()].sort(([a], [b]) => compareIds(a, b));
    return groups.filter(([id]) => after === undefined || id >= after.seederId)
      .flatMap(([id, rows]) => {
        const from = after?.seederId === id ? after.source : undefined;
        return rows.page(from, limit).map(([, row]) => row);
      }).slice(0, limit);
  }

  clashes(
    seederId: SeederId | undefined,
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): AdoptionRow[] {
    const all = seederId === undefined
      ? [...this.data.adoptions.groups()].sort(([a], [b]) => compareIds(a, b))
      : [[seederId, this.data.adoptions.of(seederId)] as const];
    return all.filter(([id]) => after === undefined || id >= after.seederId)
      .flatMap(([id, rows]) => {
        const from = after?.seederId === id ? after.source : undefined;
        return rows.page(from, Infinity).map(([, row]) => row).filter(({ clash }) => clash);
      }).slice(0, limit);
  }

  adoptionSums(seederId: SeederId): { files: number; clashes: number } {
    const rows = this.data.adoptions.of(seederId);
    const clashes = rows.entries().filter(([, row]) => row.clash).toArray().length;
    return { files: rows.size, clashes };
  }

  seeders(): SeederRow[] {
    return [...this.data.seeders.entries()].map(([, row]) => row);
  }

  spareBytes(): number {
    return 0;
  }

  logHead(): LogRow | undefined {
    return this.data.log.last();
  }

  logAfter(sequence: number, limit: number): LogRow[] {
    return this.data.log.page(sequence, limit).map(([, row]) => row);
  }
}
