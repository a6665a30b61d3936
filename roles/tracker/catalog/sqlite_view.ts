/** What can be asked of the SQLite engine, each question one statement where it can be. */
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
  type HoldingsSummary,
  type LogRow,
  type NodeId,
  type NodeRow,
  type OldVersionRow,
  rootNodeId,
  type SeederRow,
  type Totals,
  trashNodeId,
  type TrashRow,
  type UploadRow,
  type VersionRow,
} from "./catalog.ts";
import type { CopyRow, HoldingRow } from "./holding_rows.ts";
import { SqliteAnswers } from "./sqlite_answers.ts";
import { bytesOf, type SqliteRow } from "./sqlite_connection.ts";
import {
  adoptionRowOf,
  chunkEntryOf,
  copyRowOf,
  holdingRowOf,
  logRowOf,
  nodeRowOf,
  oldVersionRowOf,
  seederRowOf,
  trashRowOf,
  uploadRowOf,
  versionRowOf,
} from "./sqlite_rows.ts";
import type { ViewTables } from "./synchronous.ts";

/**
 * Below this share of all chunks, sorting a seeder's holdings beats walking the chunks in order.
 */
const sparseShare = 1 / 16;

/** The keys of the seeders named in a JSON list. */
const alive = `alive AS MATERIALIZED (
  SELECT holder_key FROM holders WHERE seeder_id IN (SELECT value FROM json_each(?1)))`;

const heldOnAlive = `(SELECT count(*) FROM holdings AS h
  WHERE h.chunk_key = c.chunk_key AND h.holder_key IN (SELECT holder_key FROM alive))`;

const ownOnAlive = `(SELECT count(*) FROM holdings AS h
  WHERE h.chunk_key = c.chunk_key AND h.adopted = 0
    AND h.holder_key IN (SELECT holder_key FROM alive))`;

/** As versions tell; what holders tell counts only where no version names the chunk. */
const knownSize = `iif(c.named > 0, c.size_bytes,
  (SELECT min(h.size_bytes) FROM holdings AS h WHERE h.chunk_key = c.chunk_key))`;

export class SqliteView extends SqliteAnswers implements ViewTables {
  setting(name: string): string | undefined {
    return this.connection.get("SELECT value FROM settings WHERE name = ?", name)?.text("value");
  }

  settings(): [string, string][] {
    return this.connection.all("SELECT * FROM settings ORDER BY name")
      .map((row) => [row.text("name"), row.text("value")]);
  }

  node(nodeId: NodeId): NodeRow | undefined {
    const row = this.connection.get("SELECT * FROM nodes WHERE node_id = ?", nodeId);
    return row && nodeRowOf(row);
  }

  nodesAfter(after: NodeId | undefined, limit: number): NodeRow[] {
    return this.connection.all(
      "SELECT * FROM nodes WHERE node_id > ? ORDER BY node_id LIMIT ?",
      after ?? -1,
      limit,
    ).map(nodeRowOf);
  }

  child(parentId: NodeId, name: string): NodeRow | undefined {
    const row = this.connection.get(
      "SELECT * FROM nodes WHERE parent_id = ? AND name = ? AND name > ''",
      parentId,
      name,
    );
    return row && nodeRowOf(row);
  }

  children(parentId: NodeId, after: string | undefined, limit: number): NodeRow[] {
    // The root, which is its own parent, is left out by its empty name.
    return this.connection.all(
      "SELECT * FROM nodes WHERE parent_id = ? AND name > ? ORDER BY name LIMIT ?",
      parentId,
      after ?? "",
      limit,
    ).map(nodeRowOf);
  }

  usage(nodeId: NodeId): Omit<Totals, "chunks"> {
    if (nodeId === rootNodeId) {
      const all = this.totals(), trash = this.usage(trashNodeId);
      return {
        files: all.files - trash.files,
        directories: all.directories - trash.directories,
        links: all.links - trash.links,
        fileBytes: all.fileBytes - trash.fileBytes,
      };
    }
    const row = this.connection.get(
      `WITH RECURSIVE below (node_id) AS (
         SELECT ?1
         UNION ALL
         SELECT n.node_id FROM below AS b CROSS JOIN nodes AS n
         WHERE n.parent_id = b.node_id AND n.name > ''
       )
       SELECT
         count(*) FILTER (WHERE n.kind = 'file') AS files,
         count(*) FILTER (WHERE n.kind = 'directory' AND n.node_id <> ?1) AS directories,
         count(*) FILTER (WHERE n.kind = 'link') AS links,
         coalesce(sum(n.size_bytes) FILTER (WHERE n.kind = 'file'), 0) AS file_bytes
       FROM below AS b CROSS JOIN nodes AS n ON n.node_id = b.node_id`,
      nodeId,
    );
    return {
      files: row?.integer("files") ?? 0,
      directories: row?.integer("directories") ?? 0,
      links: row?.integer("links") ?? 0,
      fileBytes: row?.integer("file_bytes") ?? 0,
    };
  }

  trashed(trashId: number): TrashRow | undefined {
    const row = this.connection.get("SELECT * FROM trash WHERE trash_id = ?", trashId);
    return row && trashRowOf(row);
  }

  trashedLastAt(path: string): TrashRow | undefined {
    const row = this.connection.get(
      "SELECT * FROM trash WHERE path = ? ORDER BY trash_id DESC LIMIT 1",
      path,
    );
    return row && trashRowOf(row);
  }

  trash(after: number | undefined, limit: number): TrashRow[] {
    return this.connection.all(
      "SELECT * FROM trash WHERE trash_id > ? ORDER BY trash_id LIMIT ?",
      after ?? -1,
      limit,
    ).map(trashRowOf);
  }

  trashSums(): TrashSums {
    const row = this.connection.get(
      `SELECT count(*) AS entries, coalesce(sum(files), 0) AS files,
         coalesce(sum(directories), 0) AS directories, coalesce(sum(links), 0) AS links,
         coalesce(sum(file_bytes), 0) AS file_bytes FROM trash`,
    );
    return {
      entries: row?.integer("entries") ?? 0,
      files: row?.integer("files") ?? 0,
      directories: row?.integer("directories") ?? 0,
      links: row?.integer("links") ?? 0,
      fileBytes: row?.integer("file_bytes") ?? 0,
    };
  }

  highestNodeId(): NodeId {
    return this.#totalsRow()?.integer("highest_node_id") ?? 0;
  }

  version(versionId: VersionId): VersionRow | undefined {
    const row = this.connection.get(
      "SELECT * FROM versions WHERE version_id = ? AND node_id IS NOT NULL",
      bytesOf(versionId),
    );
    return row && versionRowOf(row);
  }

  versionsByPrefix(prefix: string, limit: number): VersionRow[] {
    return this.connection.all(
      `SELECT * FROM versions WHERE version_id BETWEEN ? AND ? AND node_id IS NOT NULL
       ORDER BY version_id LIMIT ?`,
      bytesOf(prefix.padEnd(32, "0")),
      bytesOf(prefix.padEnd(32, "f")),
      limit,
    ).map(versionRowOf);
  }

  oldVersionsOf(nodeId: NodeId): OldVersionRow[] {
    return this.connection.all(
      `SELECT * FROM versions INDEXED BY versions_of_node
       WHERE node_id = ? AND old_number IS NOT NULL ORDER BY old_number`,
      nodeId,
    ).map(oldVersionRowOf);
  }

  oldVersions(after: number | undefined, limit: number): OldVersionRow[] {
    return this.connection.all(
      "SELECT * FROM versions WHERE old_number > ? ORDER BY old_number LIMIT ?",
      after ?? -1,
      limit,
    ).map(oldVersionRowOf);
  }

  oldVersionsEnded(timeMs: number, limit: number): OldVersionRow[] {
    return this.connection.all(
      `SELECT * FROM versions INDEXED BY versions_by_end
       WHERE until_ms <= ? AND old_number IS NOT NULL ORDER BY until_ms, old_number LIMIT ?`,
      timeMs,
      limit,
    ).map(oldVersionRowOf);
  }

  oldVersionSums(): VersionSums {
    const row = this.#totalsRow();
    return {
      versions: row?.integer("old_versions") ?? 0,
      fileBytes: row?.integer("old_bytes") ?? 0,
    };
  }

  versionsAfter(after: VersionId | undefined, limit: number): VersionRow[] {
    return this.connection.all(
      `SELECT * FROM versions WHERE version_id > ? AND node_id IS NOT NULL
       ORDER BY version_id LIMIT ?`,
      bytesOf(after ?? ""),
      limit,
    ).map(versionRowOf);
  }

  manifest(versionId: VersionId, from: number, limit: number): ChunkEntry[] {
    return this.connection.all(
      `SELECT c.chunk_id, m.size_bytes
       FROM versions AS v CROSS JOIN manifest_chunks AS m CROSS JOIN chunks AS c
       WHERE v.version_id = ? AND m.version_key = v.version_key AND m.position >= ?
         AND c.chunk_key = m.chunk_key
       ORDER BY m.position LIMIT ?`,
      bytesOf(versionId),
      from,
      limit,
    ).map(chunkEntryOf);
  }

  holders(chunkIds: readonly ChunkId[]): Map<ChunkId, SeederId[]> {
    const found = new Map<ChunkId, SeederId[]>();
    for (const chunkId of chunkIds) {
      const rows = this.connection.all(
        `SELECT s.seeder_id FROM chunks AS c CROSS JOIN holdings AS h CROSS JOIN holders AS s
         WHERE c.chunk_id = ? AND h.chunk_key = c.chunk_key AND s.holder_key = h.holder_key
         ORDER BY s.seeder_id`,
        bytesOf(chunkId),
      );
      if (rows.length > 0) found.set(chunkId, rows.map((row) => row.text("seeder_id") as SeederId));
    }
    return found;
  }

  copies(chunkIds: readonly ChunkId[]): Map<ChunkId, CopyRow[]> {
    const found = new Map<ChunkId, CopyRow[]>();
    for (const chunkId of chunkIds) {
      const rows = this.connection.all(
        `SELECT s.seeder_id, h.size_bytes, h.adopted, h.proved_ms, h.came_ms
         FROM chunks AS c CROSS JOIN holdings AS h CROSS JOIN holders AS s
         WHERE c.chunk_id = ? AND h.chunk_key = c.chunk_key AND s.holder_key = h.holder_key
         ORDER BY s.seeder_id`,
        bytesOf(chunkId),
      );
      if (rows.length > 0) found.set(chunkId, rows.map(copyRowOf));
    }
    return found;
  }

  holdingsOf(seederId: SeederId, after: string | undefined, limit: number): HoldingRow[] {
    const holder = this.#holder(seederId);
    if (holder === undefined) return [];
    const all = this.connection.get("SELECT max(chunk_key) AS highest FROM chunks");
    const chunks = all?.has("highest") ? all.integer("highest") : 0;
    const sparse = holder.integer("chunk_count") < chunks * sparseShare;
    const order = sparse
      ? "holdings AS h CROSS JOIN chunks AS c"
      : "chunks AS c CROSS JOIN holdings AS h";
    return this.connection.all(
      `SELECT c.chunk_id, h.size_bytes, h.adopted, h.proved_ms, h.came_ms FROM ${order}
       WHERE h.holder_key = ? AND c.chunk_key = h.chunk_key AND c.chunk_id > ?
       ORDER BY c.chunk_id LIMIT ?`,
      holder.integer("holder_key"),
      bytesOf(after ?? ""),
      limit,
    ).map(holdingRowOf);
  }

  #holder(seederId: SeederId): SqliteRow | undefined {
    return this.connection.get("SELECT * FROM holders WHERE seeder_id = ?", seederId);
  }

  heldChunks(after: string | undefined, limit: number): ChunkEntry[] {
    return this.connection.all(
      `SELECT c.chunk_id, ${knownSize} AS size_bytes FROM chunks AS c
       WHERE c.chunk_id > ? AND c.held > 0 ORDER BY c.chunk_id LIMIT ?`,
      bytesOf(after ?? ""),
      limit,
    ).map(chunkEntryOf);
  }

  shortChunks(after: string | undefined, limit: number): ChunkEntry[] {
    return this.connection.all(
      `SELECT c.chunk_id, ${knownSize} AS size_bytes
       FROM chunks AS c INDEXED BY chunks_short
       WHERE c.lacking > 0 AND c.chunk_id > ? AND c.held > 0 ORDER BY c.chunk_id LIMIT ?`,
      bytesOf(after ?? ""),
      limit,
    ).map(chunkEntryOf);
  }

  holdingsSummary(seederId: SeederId): HoldingsSummary {
    const row = this.#holder(seederId);
    return {
      chunkCount: row?.integer("chunk_count") ?? 0,
      usedBytes: row?.integer("used_bytes") ?? 0,
      digest: row?.text("digest") ?? "0".repeat(32),
    };
  }

  /**
   * Only chunks that have too few holdings in all, or a holding on a seeder that is not live, can
   * be below: the first stand in an index, the second are what the absent seeders hold.
   */
  chunksBelow(live: readonly SeederId[]): { atRisk: number; unavailable: number } {
    const row = this.connection.get(
      `WITH ${alive},
       suspects AS (
         SELECT chunk_key FROM chunks INDEXED BY chunks_short WHERE lacking > 0
         UNION
         SELECT h.chunk_key FROM holders AS s CROSS JOIN holdings AS h
         WHERE s.holder_key NOT IN (SELECT holder_key FROM alive) AND h.holder_key = s.holder_key
       ),
       counted AS MATERIALIZED (
         SELECT c.wanted, c.wanted_own, ${heldOnAlive} AS held, ${ownOnAlive} AS own
         FROM suspects AS s CROSS JOIN chunks AS c WHERE c.chunk_key = s.chunk_key
       )
       SELECT count(*) AS at_risk, count(*) FILTER (WHERE held = 0) AS unavailable
       FROM counted WHERE held < wanted OR own < wanted_own`,
      JSON.stringify(live),
    );
    return { atRisk: row?.integer("at_risk") ?? 0, unavailable: row?.integer("unavailable") ?? 0 };
  }

  chunksUnproved(
    seederId: SeederId,
    others: readonly SeederId[],
    sinceMs: number,
    most: number,
  ): number {
    const row = this.connection.get(
      `WITH ${alive}
       SELECT count(*) AS count
       FROM holders AS s CROSS JOIN holdings AS h CROSS JOIN chunks AS c
       WHERE s.seeder_id = ?2 AND h.holder_key = s.holder_key AND c.chunk_key = h.chunk_key
         AND c.named > 0 AND min(c.wanted, ?4) > (SELECT count(*) FROM holdings AS o
           WHERE o.chunk_key = c.chunk_key AND o.proved_ms >= ?3
             AND o.holder_key <> h.holder_key
             AND o.holder_key IN (SELECT holder_key FROM alive))`,
      JSON.stringify(others),
      seederId,
      sinceMs,
      most,
    );
    return row?.integer("count") ?? 0;
  }

  chunkUses(chunkIds: readonly ChunkId[]): ChunkUses[] {
    return chunkIds.map((chunkId) => {
      const row = this.connection.get(
        "SELECT named, wanted, wanted_own, recorded, size_bytes FROM chunks WHERE chunk_id = ?",
        bytesOf(chunkId),
      );
      const named = row?.integer("named") ?? 0;
      return {
        named,
        wanted: row?.integer("wanted") ?? 0,
        wantedOwn: row?.integer("wanted_own") ?? 0,
        recorded: row?.integer("recorded") ?? 0,
        ...(row && named > 0 ? { sizeBytes: row.integer("size_bytes") } : {}),
      };
    });
  }

  unreferenced(after: ChunkId | undefined, limit: number): ChunkEntry[] {
    return this.connection.all(
      `SELECT c.chunk_id, (SELECT h.size_bytes FROM holdings AS h CROSS JOIN holders AS s
           WHERE h.chunk_key = c.chunk_key AND s.holder_key = h.holder_key
           ORDER BY s.seeder_id LIMIT 1) AS size_bytes
       FROM chunks AS c INDEXED BY chunks_unreferenced
       WHERE c.named = 0 AND c.recorded = 0 AND c.held > 0 AND c.chunk_id > ?
       ORDER BY c.chunk_id LIMIT ?`,
      bytesOf(after ?? ""),
      limit,
    ).map(chunkEntryOf);
  }

  copiesLeast(versionId: VersionId, live: readonly SeederId[]): number | undefined {
    const row = this.connection.get(
      `WITH ${alive}
       SELECT min(${heldOnAlive}) AS least
       FROM versions AS v CROSS JOIN manifest_chunks AS c
       WHERE v.version_id = ?2 AND c.version_key = v.version_key`,
      JSON.stringify(live),
      bytesOf(versionId),
    );
    return row?.has("least") ? row.integer("least") : undefined;
  }

  wanted(chunkIds: readonly ChunkId[]): Map<ChunkId, number> {
    const found = new Map<ChunkId, number>();
    for (const chunkId of chunkIds) {
      const row = this.connection.get(
        "SELECT wanted FROM chunks WHERE chunk_id = ? AND wanted > 0",
        bytesOf(chunkId),
      );
      if (row !== undefined) found.set(chunkId, row.integer("wanted"));
    }
    return found;
  }

  totals(): Totals {
    const row = this.#totalsRow();
    return {
      files: row?.integer("files") ?? 0,
      directories: row?.integer("directories") ?? 0,
      links: row?.integer("links") ?? 0,
      fileBytes: row?.integer("file_bytes") ?? 0,
      chunks: row?.integer("chunks") ?? 0,
    };
  }

  #totalsRow(): SqliteRow | undefined {
    return this.connection.get("SELECT * FROM totals");
  }

  upload(uploadId: UploadId): UploadRow | undefined {
    const row = this.connection.get(
      "SELECT * FROM uploads WHERE upload_id = ?",
      bytesOf(uploadId),
    );
    return row && uploadRowOf(row);
  }

  uploadChunks(
    uploadId: UploadId,
    from: number,
    limit: number,
  ): (ChunkEntry & { readonly index: number })[] {
    return this.connection.all(
      `SELECT u.position, c.chunk_id, u.size_bytes FROM upload_chunks AS u CROSS JOIN chunks AS c
       WHERE u.upload_id = ? AND u.position >= ? AND c.chunk_key = u.chunk_key
       ORDER BY u.position LIMIT ?`,
      bytesOf(uploadId),
      from,
      limit,
    ).map((row) => ({ ...chunkEntryOf(row), index: row.integer("position") }));
  }

  uploadsEndedBefore(timeMs: number, limit: number): UploadId[] {
    return this.connection.all(
      "SELECT upload_id FROM uploads WHERE lease_ends_ms < ? ORDER BY upload_id LIMIT ?",
      timeMs,
      limit,
    ).map((row) => row.hex("upload_id") as UploadId);
  }

  uploadCount(): number {
    return this.connection.get("SELECT count(*) AS count FROM uploads")?.integer("count") ?? 0;
  }

  uploadTimes(): { oldestMs: number; newestMs: number } | undefined {
    const row = this.connection.get(
      `SELECT (SELECT min(opened_ms) FROM uploads) AS oldest,
         (SELECT max(opened_ms) FROM uploads) AS newest`,
    );
    if (!row?.has("oldest")) return undefined;
    return { oldestMs: row.integer("oldest"), newestMs: row.integer("newest") };
  }

  adoption(seederId: SeederId, source: string): AdoptionRow | undefined {
    const row = this.connection.get(
      "SELECT * FROM adoptions WHERE seeder_id = ? AND source = ?",
      seederId,
      source,
    );
    return row && adoptionRowOf(row);
  }

  adoptions(
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): AdoptionRow[] {
    return this.connection.all(
      `SELECT * FROM adoptions WHERE (seeder_id, source) > (?, ?)
       ORDER BY seeder_id, source LIMIT ?`,
      after?.seederId ?? "",
      after?.source ?? "",
      limit,
    ).map(adoptionRowOf);
  }

  clashes(
    seederId: SeederId | undefined,
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): AdoptionRow[] {
    return this.connection.all(
      `SELECT * FROM adoptions INDEXED BY adoptions_clashing
       WHERE clash = 1 AND (seeder_id, source) > (?, ?) AND (?3 = '' OR seeder_id = ?3)
       ORDER BY seeder_id, source LIMIT ?4`,
      after?.seederId ?? "",
      after?.source ?? "",
      seederId ?? "",
      limit,
    ).map(adoptionRowOf);
  }

  adoptionSums(seederId: SeederId): { files: number; clashes: number } {
    const row = this.connection.get(
      `SELECT (SELECT count(*) FROM adoptions WHERE seeder_id = ?1) AS files,
         (SELECT count(*) FROM adoptions INDEXED BY adoptions_clashing
          WHERE clash = 1 AND seeder_id = ?1) AS clashes`,
      seederId,
    );
    return { files: row?.integer("files") ?? 0, clashes: row?.integer("clashes") ?? 0 };
  }

  seeders(): SeederRow[] {
    return this.connection.all("SELECT * FROM seeders ORDER BY seeder_id").map(seederRowOf);
  }

  spareBytes(): number {
    const pragma = (name: string) => this.connection.get(`PRAGMA ${name}`)?.integer(name) ?? 0;
    return pragma("freelist_count") * pragma("page_size");
  }

  logHead(): LogRow | undefined {
    const row = this.connection.get("SELECT * FROM log ORDER BY sequence DESC LIMIT 1");
    return row && logRowOf(row);
  }

  logAfter(sequence: number, limit: number): LogRow[] {
    return this.connection.all(
      "SELECT * FROM log WHERE sequence > ? ORDER BY sequence LIMIT ?",
      sequence,
      limit,
    ).map(logRowOf);
  }
}
