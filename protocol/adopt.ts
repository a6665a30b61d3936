/**
 * Messages about files that a person left on a seeder's disk: the seeder offers them, in pages, and
 * the tracker gives them a name in the namespace. The bytes stay where they are; the seeder holds
 * their chunks in place, which is told apart from a copy of its own, because a person may change
 * or remove such a file at any time.
 */
import * as z from "zod";
import { ChunkSize } from "./chunking.ts";
import { Problem } from "./faults.ts";
import { BootId, SeederId, SeederName } from "./ids.ts";
import { limits } from "./limits.ts";
import { ChunkEntry, ManifestDigestHex } from "./manifest.ts";
import { RemotePath } from "./paths.ts";

const Count = z.int().min(0);

/**
 * A file, or some chunks of a large one: `chunks` are those from index `from` on. Pages of one file
 * follow each other; the one with the last chunk makes it a file of the namespace.
 */
export const OfferedFile = z.strictObject({
  /** Where it lies, from the top of the seeder's disk folder. */
  source: RemotePath,
  sizeBytes: Count,
  modifiedMs: z.int(),
  /** Unix permission bits. */
  mode: z.int().min(0).max(0o7777),
  chunkSizeBytes: ChunkSize,
  /** Of the whole file. */
  manifestDigest: ManifestDigestHex,
  from: Count,
  chunks: z.array(ChunkEntry).max(limits.manifestPageChunksMax),
});
export type OfferedFile = z.output<typeof OfferedFile>;

/** A name that cannot be adopted, and why, in words. Control characters in it are replaced. */
export const LeftOut = z.strictObject({
  source: z.string().max(limits.pathBytesMax),
  why: z.string().max(200),
});
export type LeftOut = z.output<typeof LeftOut>;

/** How far a seeder is with the files it found. */
export const AdoptReport = z.strictObject({
  /** `waiting`: there is no room for the index; `off`: it was told not to look. */
  state: z.enum(["counting", "indexing", "resting", "waiting", "off"]),
  /** As far as counted. */
  filesFound: Count,
  /** Hashed, and unchanged as far as is known. */
  filesIndexed: Count,
  bytesIndexed: Count,
  /** Of those indexed, not yet offered with an answer. */
  filesWaiting: Count,
  leftOutCount: Count,
  /** The first of them. */
  leftOut: z.array(LeftOut).max(limits.adoptLeftOutMax),
});
export type AdoptReport = z.output<typeof AdoptReport>;

export const OfferRequest = z.strictObject({
  seederId: SeederId,
  bootId: BootId,
  files: z.array(OfferedFile).max(limits.adoptPageFilesMax),
  report: AdoptReport,
});
export type OfferRequest = z.output<typeof OfferRequest>;

/**
 * - `adopted`: it is the file at `path` now, under that name or another, or was already
 * - `declined`: what was made of this very content before is gone from the namespace: a person
 *   removed or replaced it, and it does not come back by itself
 * - `more`: the page is kept, go on with chunk `from`
 */
export const OfferResult = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("adopted"), path: RemotePath, clash: z.boolean() }),
  z.strictObject({ kind: z.literal("declined") }),
  z.strictObject({ kind: z.literal("more"), from: Count }),
  z.strictObject({ kind: z.literal("refused"), problem: Problem }),
]);
export type OfferResult = z.output<typeof OfferResult>;

/** In the order offered. */
export const OfferReply = z.strictObject({ results: z.array(OfferResult) });

/** A file that could not have the name it has on its seeder. */
export const Clash = z.strictObject({
  seederId: SeederId,
  source: RemotePath,
  /** The name it was given. */
  path: RemotePath,
  adoptedMs: z.int(),
});
export type Clash = z.output<typeof Clash>;

export const AdoptedRequest = z.strictObject({
  seederId: SeederId.optional(),
  /** The last clash of the page before. */
  after: z.strictObject({ seederId: SeederId, source: RemotePath }).optional(),
  limit: z.int().min(1).max(limits.listPageEntriesMax).optional(),
});

/** Of one seeder: what it told, and what became of it. */
export const Adopted = z.strictObject({
  /** Files that were given a name or joined one, whatever became of them since. */
  files: Count,
  clashes: Count,
  /** Absent before it was heard. */
  report: AdoptReport.optional(),
});
export type Adopted = z.output<typeof Adopted>;

export const AdoptedReply = z.strictObject({
  seeders: z.array(Adopted.extend({ seederId: SeederId, name: SeederName })),
  clashes: z.array(Clash),
  /** Pass as `after` for the next page; absent on the last. */
  next: AdoptedRequest.shape.after,
});
export type AdoptedReply = z.output<typeof AdoptedReply>;
