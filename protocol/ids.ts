/**
 * Identities. Each is a branded string with one schema, so that a chunk id can never be passed
 * where a seeder id is meant, and every id that came from outside has been parsed.
 */
import * as z from "zod";

/** SHA-256 of the chunk's bytes, 64 lower-case hex digits. */
export const ChunkId = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits").brand<
  "ChunkId"
>();
export type ChunkId = z.output<typeof ChunkId>;

/** Drawn at random by a seeder on its first start and kept on its disk, 16 hex digits. */
export const SeederId = z.string().regex(/^[0-9a-f]{16}$/, "expected 16 hex digits").brand<
  "SeederId"
>();
export type SeederId = z.output<typeof SeederId>;

/** Drawn at each start of a seeder, 16 hex digits. */
export const BootId = z.string().regex(/^[0-9a-f]{16}$/);

/** Drawn at random by the tracker on its first start, 16 hex digits. */
export const ClusterId = z.string().regex(/^[0-9a-f]{16}$/, "expected 16 hex digits").brand<
  "ClusterId"
>();
export type ClusterId = z.output<typeof ClusterId>;

/**
 * Drawn at random by the client for each upload, 32 hex digits. Chosen by the client so that every
 * step of an upload can be asked for again after a lost reply.
 */
export const UploadId = z.string().regex(/^[0-9a-f]{32}$/, "expected 32 hex digits").brand<
  "UploadId"
>();
export type UploadId = z.output<typeof UploadId>;

/** A committed version carries the id of the upload that made it. */
export const VersionId = z.string().regex(/^[0-9a-f]{32}$/, "expected 32 hex digits").brand<
  "VersionId"
>();
export type VersionId = z.output<typeof VersionId>;

/** What a person types for a version: five or more hex digits from the front of its id. */
export const VersionPrefix = z.string().regex(
  /^[0-9a-f]{5,32}$/,
  "expected five or more hex digits",
);

/** The version that an upload becomes when it is committed. */
export function versionOf(uploadId: UploadId): VersionId {
  return VersionId.parse(uploadId);
}

/** A seeder's name for people: what is shown, and what is typed. */
export const SeederName = z.string().regex(
  /^[a-z0-9][a-z0-9._-]{0,62}$/,
  "expected 1 to 63 of a-z, 0-9, dot, dash, underscore, beginning with a letter or digit",
);

/** Where a role can be reached: scheme, host and port, no path. */
export const BaseUrl = z.string().regex(
  /^http:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i,
  "expected http://HOST:PORT",
);
