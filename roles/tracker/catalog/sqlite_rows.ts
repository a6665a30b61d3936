/**
 * Rows of the tables as rows of the interface. Ids were parsed before they were put and their
 * lengths are checked by the tables, so they get their brand back without another look.
 */
import {
  type ChunkEntry,
  type ChunkId,
  EntryKind,
  type SeederId,
  type Standing,
  type UploadId,
  type VersionId,
} from "../../../protocol/mod.ts";
import type {
  AdoptionRow,
  LogRow,
  NodeRow,
  OldFacts,
  OldVersionRow,
  SeederRow,
  TrashRow,
  UploadRow,
  VersionRow,
} from "./catalog.ts";
import type { CopyRow, HoldingRow } from "./holding_rows.ts";
import type { SqliteRow } from "./sqlite_connection.ts";

export function nodeRowOf(row: SqliteRow): NodeRow {
  return {
    nodeId: row.integer("node_id"),
    parentId: row.integer("parent_id"),
    name: row.text("name"),
    kind: EntryKind.parse(row.text("kind")),
    mode: row.integer("mode"),
    modifiedMs: row.integer("modified_ms"),
    sizeBytes: row.integer("size_bytes"),
    ...(row.has("version_id") ? { versionId: row.hex("version_id") as VersionId } : {}),
    ...(row.has("target") ? { target: row.text("target") } : {}),
    ...(row.has("copies") ? { copies: row.integer("copies") } : {}),
    ...(row.has("versions") ? { versions: row.integer("versions") } : {}),
    ...(row.has("version_days") ? { versionDays: row.integer("version_days") } : {}),
  };
}

export function trashRowOf(row: SqliteRow): TrashRow {
  return {
    trashId: row.integer("trash_id"),
    nodeId: row.integer("node_id"),
    path: row.text("path"),
    kind: EntryKind.parse(row.text("kind")),
    trashedMs: row.integer("trashed_ms"),
    by: row.text("by_whom"),
    files: row.integer("files"),
    directories: row.integer("directories"),
    links: row.integer("links"),
    fileBytes: row.integer("file_bytes"),
  };
}

export function versionRowOf(row: SqliteRow): VersionRow {
  return {
    versionId: row.hex("version_id") as VersionId,
    nodeId: row.integer("node_id"),
    sizeBytes: row.integer("size_bytes"),
    chunkSizeBytes: row.integer("chunk_size_bytes"),
    chunkCount: row.integer("chunk_count"),
    manifestDigest: row.text("manifest_digest"),
    copies: Math.abs(row.integer("copies")),
    ...(row.integer("copies") < 0 ? { adopted: true as const } : {}),
    createdMs: row.integer("created_ms"),
    ...(row.has("by_whom") ? { by: row.text("by_whom") } : {}),
    ...(row.has("old_number") ? { old: oldFactsOf(row) } : {}),
  };
}

/** Of a row that was found by its `old_number`. */
export function oldVersionRowOf(row: SqliteRow): OldVersionRow {
  return { ...versionRowOf(row), old: oldFactsOf(row) };
}

function oldFactsOf(row: SqliteRow): OldFacts {
  return {
    number: row.integer("old_number"),
    supersededMs: row.integer("superseded_ms"),
    untilMs: row.integer("until_ms"),
    mode: row.integer("mode"),
    modifiedMs: row.integer("modified_ms"),
  };
}

export function chunkEntryOf(row: SqliteRow): ChunkEntry {
  return { chunkId: row.hex("chunk_id") as ChunkId, sizeBytes: row.integer("size_bytes") };
}

export function holdingRowOf(row: SqliteRow): HoldingRow {
  return { ...chunkEntryOf(row), ...factsOfCopy(row) };
}

export function copyRowOf(row: SqliteRow): CopyRow {
  const seederId = row.text("seeder_id") as SeederId;
  return { seederId, sizeBytes: row.integer("size_bytes"), ...factsOfCopy(row) };
}

function factsOfCopy(row: SqliteRow): Pick<HoldingRow, "adopted" | "provedMs" | "cameMs"> {
  const cameMs = row.integer("came_ms");
  return {
    ...(cameMs === 0 ? {} : { cameMs }),
    ...(row.integer("adopted") === 1 ? { adopted: true } : {}),
    ...(row.has("proved_ms") ? { provedMs: row.integer("proved_ms") } : {}),
  };
}

export function adoptionRowOf(row: SqliteRow): AdoptionRow {
  return {
    seederId: row.text("seeder_id") as SeederId,
    source: row.text("source"),
    manifestDigest: row.text("manifest_digest"),
    versionId: row.hex("version_id") as VersionId,
    path: row.text("path"),
    clash: row.integer("clash") === 1,
    adoptedMs: row.integer("adopted_ms"),
  };
}

export function uploadRowOf(row: SqliteRow): UploadRow {
  return {
    uploadId: row.hex("upload_id") as UploadId,
    path: row.text("path"),
    condition: row.text("condition"),
    chunkSizeBytes: row.integer("chunk_size_bytes"),
    ...(row.has("size_bytes") ? { sizeBytes: row.integer("size_bytes") } : {}),
    modifiedMs: row.integer("modified_ms"),
    mode: row.integer("mode"),
    copies: row.integer("copies"),
    user: row.text("user"),
    openedMs: row.integer("opened_ms"),
    leaseEndsMs: row.integer("lease_ends_ms"),
  };
}

export function seederRowOf(row: SqliteRow): SeederRow {
  return {
    seederId: row.text("seeder_id") as SeederId,
    standing: row.text("standing") as Standing,
    generation: row.integer("generation"),
    capacityBytes: row.integer("capacity_bytes"),
    name: row.text("name"),
    zone: row.text("zone"),
    address: row.text("address"),
    joinedMs: row.integer("joined_ms"),
    ...(row.has("reconciled_boot_id") ? { reconciledBootId: row.text("reconciled_boot_id") } : {}),
    away: row.integer("away") === 1,
    totalBytes: row.integer("total_bytes"),
    freeBytes: row.integer("free_bytes"),
    usedBytes: row.integer("used_bytes"),
    ...(row.has("maintenance_until_ms")
      ? { maintenanceUntilMs: row.integer("maintenance_until_ms") }
      : {}),
  };
}

export function logRowOf(row: SqliteRow): LogRow {
  return {
    sequence: row.integer("sequence"),
    epoch: row.integer("epoch"),
    term: row.text("term"),
    timeMs: row.integer("time_ms"),
    text: row.text("text"),
    checksum: row.text("checksum"),
  };
}
