/**
 * The rows of chunks and who refers to them: manifests and uploads under way. Whatever takes a
 * reference away lists the chunks in `touched` first, so that each step is one statement for all.
 */
import type { ChunkEntry, ChunkId, UploadId, VersionId } from "../../../protocol/mod.ts";
import { bytesOf, type SqliteConnection } from "./sqlite_connection.ts";

export interface VersionKey {
  readonly versionKey: number;
  /**
   * Copies the version asks for, below zero when it was adopted; 0 while only its manifest is
   * there.
   */
  readonly copies: number;
  /** Begun just now: nothing refers to it yet. */
  readonly fresh: boolean;
  /** Its size when it is not the current one of its file. */
  readonly oldBytes?: number;
}

export class SqliteChunks {
  constructor(private readonly connection: SqliteConnection) {}

  /** The key of a chunk, whose row is made when it is new. */
  key(chunkId: ChunkId): number {
    const bytes = bytesOf(chunkId);
    const row = this.connection.get("SELECT chunk_key FROM chunks WHERE chunk_id = ?", bytes);
    return row?.integer("chunk_key") ??
      this.connection.insert("INSERT INTO chunks (chunk_id) VALUES (?)", bytes);
  }

  removeUnused(chunkKey: number): void {
    this.connection.run(
      "DELETE FROM chunks WHERE chunk_key = ? AND named = 0 AND held = 0 AND recorded = 0",
      chunkKey,
    );
  }

  /** The key of a version, whose row is begun when it is new. */
  versionKey(versionId: VersionId): VersionKey {
    const bytes = bytesOf(versionId);
    const row = this.connection.get(
      "SELECT version_key, copies, old_number, size_bytes FROM versions WHERE version_id = ?",
      bytes,
    );
    if (row !== undefined) {
      const versionKey = row.integer("version_key");
      const known = { versionKey, copies: row.integer("copies"), fresh: false };
      return row.has("old_number") ? { ...known, oldBytes: row.integer("size_bytes") } : known;
    }
    const versionKey = this.connection.insert(
      `INSERT INTO versions (version_id, size_bytes, chunk_size_bytes, chunk_count,
         manifest_digest, copies, created_ms) VALUES (?, 0, 0, 0, '', 0, 0)`,
      bytes,
    );
    return { versionKey, copies: 0, fresh: true };
  }

  putManifest(version: VersionKey, from: number, entries: readonly ChunkEntry[]): void {
    this.#removeManifestRows(version.versionKey, from, from + entries.length);
    let newlyNamed = 0;
    entries.forEach((entry, i) => {
      const chunkKey = this.key(entry.chunkId);
      this.connection.run(
        "INSERT INTO manifest_chunks VALUES (?, ?, ?, ?)",
        version.versionKey,
        from + i,
        chunkKey,
        entry.sizeBytes,
      );
      this.connection.run(
        `INSERT INTO wants VALUES (?, ?, 1)
         ON CONFLICT (chunk_key, copies) DO UPDATE SET times = times + 1`,
        chunkKey,
        version.copies,
      );
      const row = this.connection.get("SELECT named FROM chunks WHERE chunk_key = ?", chunkKey);
      if (row?.integer("named") === 0) newlyNamed++;
      this.connection.run(
        `UPDATE chunks SET size_bytes = iif(named = 0, ?3, size_bytes),
           named = named + 1, wanted = max(wanted, abs(?1)),
           wanted_own = max(wanted_own, ?1) WHERE chunk_key = ?2`,
        version.copies,
        chunkKey,
        entry.sizeBytes,
      );
    });
    this.connection.run("UPDATE totals SET chunks = chunks + ? WHERE only = 1", newlyNamed);
  }

  #removeManifestRows(versionKey: number, from: number, to: number): void {
    const range = "version_key = ? AND position >= ? AND position < ?";
    const found = this.connection.get(
      `SELECT 1 AS found FROM manifest_chunks WHERE ${range} LIMIT 1`,
      versionKey,
      from,
      to,
    );
    if (found === undefined) return;
    this.connection.run("DELETE FROM touched");
    this.connection.run(
      `INSERT INTO touched SELECT m.chunk_key, v.copies, count(*)
       FROM manifest_chunks AS m CROSS JOIN versions AS v ON v.version_key = m.version_key
       WHERE m.${range} GROUP BY m.chunk_key, v.copies`,
      versionKey,
      from,
      to,
    );
    this.connection.run(`DELETE FROM manifest_chunks WHERE ${range}`, versionKey, from, to);
    this.#unnameTouched();
  }

  /** The version asks for `copies` from now on: its chunks are wanted accordingly. */
  changeCopies(version: VersionKey, copies: number): void {
    this.connection.run("DELETE FROM touched");
    const found = this.connection.run(
      `INSERT INTO touched SELECT chunk_key, ?, count(*) FROM manifest_chunks
       WHERE version_key = ? GROUP BY chunk_key`,
      version.copies,
      version.versionKey,
    );
    if (found === 0) return;
    this.#takeTouchedWants();
    this.connection.run(
      `INSERT INTO wants SELECT chunk_key, ?, times FROM touched WHERE true
       ON CONFLICT (chunk_key, copies) DO UPDATE SET times = times + excluded.times`,
      copies,
    );
    this.#settleTouchedWanted();
  }

  /** Removes the versions listed in `doomed_versions`, with their manifests. */
  removeDoomedVersions(): void {
    this.connection.run("DELETE FROM touched");
    this.connection.run(
      `INSERT INTO touched SELECT m.chunk_key, v.copies, count(*)
       FROM doomed_versions AS d CROSS JOIN versions AS v ON v.version_key = d.version_key
         CROSS JOIN manifest_chunks AS m ON m.version_key = d.version_key
       GROUP BY m.chunk_key, v.copies`,
    );
    const old = this.connection.get(
      `SELECT count(*) AS count, coalesce(sum(v.size_bytes), 0) AS bytes
       FROM doomed_versions AS d CROSS JOIN versions AS v ON v.version_key = d.version_key
       WHERE v.old_number IS NOT NULL`,
    );
    this.countOld(-(old?.integer("count") ?? 0), -(old?.integer("bytes") ?? 0));
    const doomed = "version_key IN (SELECT version_key FROM doomed_versions)";
    this.connection.run(`DELETE FROM manifest_chunks WHERE ${doomed}`);
    this.#unnameTouched();
    this.connection.run(`DELETE FROM versions WHERE ${doomed}`);
  }

  /** So many more versions, of so many bytes, are old. */
  countOld(versions: number, bytes: number): void {
    if (versions === 0 && bytes === 0) return;
    this.connection.run(
      `UPDATE totals SET old_versions = old_versions + ?, old_bytes = old_bytes + ?
       WHERE only = 1`,
      versions,
      bytes,
    );
  }

  /** After manifest rows are gone: takes their naming away from the chunks in `touched`. */
  #unnameTouched(): void {
    this.#takeTouchedWants();
    this.connection.run(
      `UPDATE chunks SET named = named - t.times
       FROM (SELECT chunk_key, sum(times) AS times FROM touched GROUP BY chunk_key) AS t
       WHERE chunks.chunk_key = t.chunk_key`,
    );
    this.#settleTouchedWanted();
    this.connection.run(
      `UPDATE totals SET chunks = chunks - (SELECT count(*) FROM chunks
         WHERE chunk_key IN (SELECT chunk_key FROM touched) AND named = 0) WHERE only = 1`,
    );
    this.#removeTouchedUnused();
  }

  #takeTouchedWants(): void {
    // Not UPDATE FROM: joined so, SQLite walks all wants there are.
    this.connection.run(
      `UPDATE wants SET times = times - (SELECT t.times FROM touched AS t
         WHERE t.chunk_key = wants.chunk_key AND t.copies = wants.copies)
       WHERE (chunk_key, copies) IN (SELECT chunk_key, copies FROM touched)`,
    );
    this.connection.run(
      "DELETE FROM wants WHERE chunk_key IN (SELECT chunk_key FROM touched) AND times = 0",
    );
  }

  #settleTouchedWanted(): void {
    this.connection.run(
      `UPDATE chunks SET wanted = coalesce(
         (SELECT max(abs(copies)) FROM wants WHERE wants.chunk_key = chunks.chunk_key), 0),
       wanted_own = max(0, coalesce(
         (SELECT max(copies) FROM wants WHERE wants.chunk_key = chunks.chunk_key), 0))
       WHERE chunk_key IN (SELECT chunk_key FROM touched)`,
    );
  }

  #removeTouchedUnused(): void {
    this.connection.run(
      `DELETE FROM chunks WHERE chunk_key IN (SELECT chunk_key FROM touched)
         AND named = 0 AND held = 0 AND recorded = 0`,
    );
  }

  /** Notes that an upload has its chunk `index`. */
  record(uploadId: UploadId, index: number, entry: ChunkEntry): void {
    const bytes = bytesOf(uploadId);
    const before = this.connection.get(
      "SELECT chunk_key FROM upload_chunks WHERE upload_id = ? AND position = ?",
      bytes,
      index,
    )?.integer("chunk_key");
    const chunkKey = this.key(entry.chunkId);
    this.connection.run(
      "INSERT OR REPLACE INTO upload_chunks VALUES (?, ?, ?, ?)",
      bytes,
      index,
      chunkKey,
      entry.sizeBytes,
    );
    if (before === chunkKey) return;
    this.connection.run(
      "UPDATE chunks SET recorded = recorded + 1 WHERE chunk_key = ?",
      chunkKey,
    );
    if (before === undefined) return;
    this.connection.run("UPDATE chunks SET recorded = recorded - 1 WHERE chunk_key = ?", before);
    this.removeUnused(before);
  }

  forgetRecorded(uploadId: UploadId): void {
    const bytes = bytesOf(uploadId);
    this.connection.run("DELETE FROM touched");
    this.connection.run(
      `INSERT INTO touched SELECT chunk_key, 0, count(*) FROM upload_chunks
       WHERE upload_id = ? GROUP BY chunk_key`,
      bytes,
    );
    this.connection.run("DELETE FROM upload_chunks WHERE upload_id = ?", bytes);
    this.connection.run(
      `UPDATE chunks SET recorded = recorded - t.times FROM touched AS t
       WHERE chunks.chunk_key = t.chunk_key`,
    );
    this.#removeTouchedUnused();
  }
}
