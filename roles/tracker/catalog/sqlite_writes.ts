/**
 * What a transaction may change in the SQLite engine, with the counters of `sqlite_schema.ts` kept.
 */
import {
  type ChunkEntry,
  type ChunkId,
  Fault,
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
import type { HoldingRow } from "./holding_rows.ts";
import { SqliteChunks } from "./sqlite_chunks.ts";
import { bytesOf, type SqliteConnection } from "./sqlite_connection.ts";
import { SqliteHoldings } from "./sqlite_holdings.ts";
import { removeAllRows } from "./sqlite_schema.ts";
import { SqliteView } from "./sqlite_view.ts";
import type { Tables } from "./synchronous.ts";

export class SqliteWrites extends SqliteView implements Tables {
  readonly #chunks: SqliteChunks;
  readonly #holdings: SqliteHoldings;

  constructor(connection: SqliteConnection) {
    super(connection);
    this.#chunks = new SqliteChunks(connection);
    this.#holdings = new SqliteHoldings(connection, this.#chunks);
  }

  reset(): void {
    removeAllRows(this.connection);
  }

  putSetting(name: string, value: string): void {
    this.connection.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value);
  }

  appendLog(row: LogRow): void {
    const head = this.logHead()?.sequence ?? 0;
    if (row.sequence !== head + 1) {
      throw new Fault("internal", `log row ${row.sequence} cannot follow row ${head}`);
    }
    this.#insertLog(row);
  }

  beginLog(row: LogRow): void {
    if (this.logHead() !== undefined) throw new Fault("internal", "the log has begun already");
    this.#insertLog(row);
  }

  trimLog(sequence: number, limit: number): number {
    return this.connection.run(
      `DELETE FROM log WHERE sequence IN
         (SELECT sequence FROM log WHERE sequence < ? ORDER BY sequence LIMIT ?)`,
      sequence,
      limit,
    );
  }

  cutLog(sequence: number): void {
    this.connection.run("DELETE FROM log WHERE sequence > ?", sequence);
  }

  #insertLog(row: LogRow): void {
    this.connection.run(
      "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)",
      row.sequence,
      row.epoch,
      row.term,
      row.timeMs,
      row.text,
      row.checksum,
    );
  }

  putNode(row: NodeRow): void {
    const before = this.node(row.nodeId);
    // Not one statement with ON CONFLICT: that costs three times as much.
    this.connection.run(
      before === undefined
        ? "INSERT INTO nodes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        : `UPDATE nodes SET parent_id = ?2, name = ?3, kind = ?4, mode = ?5, modified_ms = ?6,
             size_bytes = ?7, version_id = ?8, target = ?9, copies = ?10, versions = ?11,
             version_days = ?12 WHERE node_id = ?1`,
      row.nodeId,
      row.parentId,
      row.name,
      row.kind,
      row.mode,
      row.modifiedMs,
      row.sizeBytes,
      row.versionId === undefined ? null : bytesOf(row.versionId),
      row.target ?? null,
      row.copies ?? null,
      row.versions ?? null,
      row.versionDays ?? null,
    );
    const is = (kind: NodeRow["kind"]) =>
      (row.kind === kind ? 1 : 0) - (before?.kind === kind ? 1 : 0);
    const fileBytes = (row.kind === "file" ? row.sizeBytes : 0) -
      (before?.kind === "file" ? before.sizeBytes : 0);
    this.connection.run(
      `UPDATE totals SET files = files + ?, directories = directories + ?, links = links + ?,
         file_bytes = file_bytes + ?, highest_node_id = max(highest_node_id, ?) WHERE only = 1`,
      is("file"),
      row.nodeId === rootNodeId ? 0 : is("directory"),
      is("link"),
      fileBytes,
      row.nodeId,
    );
  }

  raiseHighestNodeId(nodeId: NodeId): void {
    this.connection.run(
      "UPDATE totals SET highest_node_id = max(highest_node_id, ?) WHERE only = 1",
      nodeId,
    );
  }

  removeTree(nodeId: NodeId): Omit<Totals, "chunks" | "fileBytes"> {
    this.connection.run("DELETE FROM doomed_nodes");
    this.connection.run(
      `WITH RECURSIVE below (node_id) AS (
         SELECT node_id FROM nodes WHERE node_id = ?
         UNION ALL
         SELECT n.node_id FROM below AS b CROSS JOIN nodes AS n
         WHERE n.parent_id = b.node_id AND n.name > ''
       )
       INSERT INTO doomed_nodes SELECT node_id FROM below`,
      nodeId,
    );
    const removed = { file: 0, directory: 0, link: 0 };
    let fileBytes = 0;
    const rows = this.connection.all(
      `SELECT n.kind, count(*) AS count, sum(n.size_bytes) AS bytes
       FROM doomed_nodes AS d CROSS JOIN nodes AS n ON n.node_id = d.node_id GROUP BY n.kind`,
    );
    for (const row of rows) {
      const kind = row.text("kind") as NodeRow["kind"];
      removed[kind] = row.integer("count");
      if (kind === "file") fileBytes = row.integer("bytes");
    }
    this.connection.run("DELETE FROM doomed_versions");
    this.connection.run(
      `INSERT INTO doomed_versions SELECT v.version_key
       FROM doomed_nodes AS d CROSS JOIN versions AS v ON v.node_id = d.node_id`,
    );
    this.#chunks.removeDoomedVersions();
    this.connection.run("DELETE FROM nodes WHERE node_id IN (SELECT node_id FROM doomed_nodes)");
    this.connection.run(
      `UPDATE totals SET files = files - ?, directories = directories - ?, links = links - ?,
         file_bytes = file_bytes - ? WHERE only = 1`,
      removed.file,
      removed.directory - (removed.directory > 0 && nodeId === rootNodeId ? 1 : 0),
      removed.link,
      fileBytes,
    );
    return { files: removed.file, directories: removed.directory, links: removed.link };
  }

  putTrash(row: TrashRow): void {
    this.connection.run(
      "INSERT OR REPLACE INTO trash VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.trashId,
      row.nodeId,
      row.path,
      row.kind,
      row.trashedMs,
      row.by,
      row.files,
      row.directories,
      row.links,
      row.fileBytes,
    );
  }

  removeTrash(trashId: number): void {
    this.connection.run("DELETE FROM trash WHERE trash_id = ?", trashId);
  }

  putVersion(row: VersionRow): void {
    const before = this.#chunks.versionKey(row.versionId);
    const copies = row.adopted === true ? -row.copies : row.copies;
    if (!before.fresh && before.copies !== copies) this.#chunks.changeCopies(before, copies);
    const { old } = row;
    const old1 = old === undefined ? 0 : 1, old0 = before.oldBytes === undefined ? 0 : 1;
    this.#chunks.countOld(old1 - old0, old1 * row.sizeBytes - (before.oldBytes ?? 0));
    this.connection.run(
      `UPDATE versions SET node_id = ?, size_bytes = ?, chunk_size_bytes = ?, chunk_count = ?,
         manifest_digest = ?, copies = ?, created_ms = ?, by_whom = ?, old_number = ?,
         superseded_ms = ?, until_ms = ?, mode = ?, modified_ms = ? WHERE version_key = ?`,
      row.nodeId,
      row.sizeBytes,
      row.chunkSizeBytes,
      row.chunkCount,
      row.manifestDigest,
      copies,
      row.createdMs,
      row.by ?? null,
      old?.number ?? null,
      old?.supersededMs ?? null,
      old?.untilMs ?? null,
      old?.mode ?? null,
      old?.modifiedMs ?? null,
      before.versionKey,
    );
  }

  removeVersion(versionId: VersionId): void {
    this.connection.run("DELETE FROM doomed_versions");
    this.connection.run(
      `INSERT INTO doomed_versions SELECT version_key FROM versions
       WHERE version_id = ? AND node_id IS NOT NULL`,
      bytesOf(versionId),
    );
    this.#chunks.removeDoomedVersions();
  }

  putManifest(versionId: VersionId, from: number, entries: readonly ChunkEntry[]): void {
    this.#chunks.putManifest(this.#chunks.versionKey(versionId), from, entries);
  }

  addHoldings(seederId: SeederId, entries: readonly HoldingRow[]): void {
    this.#holdings.add(seederId, entries);
  }

  removeHoldings(seederId: SeederId, chunkIds: readonly ChunkId[]): void {
    this.#holdings.remove(seederId, chunkIds);
  }

  putUpload(row: UploadRow): void {
    this.connection.run(
      "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      bytesOf(row.uploadId),
      row.path,
      row.condition,
      row.chunkSizeBytes,
      row.sizeBytes ?? null,
      row.modifiedMs,
      row.mode,
      row.copies,
      row.user,
      row.leaseEndsMs,
      row.openedMs,
    );
  }

  putUploadChunks(
    uploadId: UploadId,
    entries: readonly (ChunkEntry & { readonly index: number })[],
  ): void {
    for (const entry of entries) this.#chunks.record(uploadId, entry.index, entry);
  }

  removeUpload(uploadId: UploadId): void {
    this.#chunks.forgetRecorded(uploadId);
    this.connection.run("DELETE FROM uploads WHERE upload_id = ?", bytesOf(uploadId));
  }

  putAdoption(row: AdoptionRow): void {
    this.connection.run(
      "INSERT OR REPLACE INTO adoptions VALUES (?, ?, ?, ?, ?, ?, ?)",
      row.seederId,
      row.source,
      row.manifestDigest,
      bytesOf(row.versionId),
      row.path,
      row.clash ? 1 : 0,
      row.adoptedMs,
    );
  }

  removeAdoptions(seederId: SeederId): void {
    this.connection.run("DELETE FROM adoptions WHERE seeder_id = ?", seederId);
  }

  putSeeder(row: SeederRow): void {
    this.connection.run(
      `INSERT OR REPLACE INTO seeders (
         seeder_id, standing, generation, capacity_bytes, name, zone, address, joined_ms,
         reconciled_boot_id, away, total_bytes, free_bytes, used_bytes, maintenance_until_ms
       ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.seederId,
      row.standing,
      row.generation,
      row.capacityBytes,
      row.name,
      row.zone,
      row.address,
      row.joinedMs,
      row.reconciledBootId ?? null,
      row.away ? 1 : 0,
      row.totalBytes,
      row.freeBytes,
      row.usedBytes,
      row.maintenanceUntilMs ?? null,
    );
  }
}
