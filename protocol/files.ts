/**
 * Messages about the namespace: looking at it, changing it, writing files into it, finding chunks.
 */
import * as z from "zod";
import { ChunkSize } from "./chunking.ts";
import { Problem } from "./faults.ts";
import {
  BaseUrl,
  ChunkId,
  SeederId,
  SeederName,
  UploadId,
  VersionId,
  VersionPrefix,
} from "./ids.ts";
import { limits } from "./limits.ts";
import { ChunkEntry, ManifestDigestHex } from "./manifest.ts";
import { SeederState } from "./membership.ts";
import { RemotePath } from "./paths.ts";
import { Leave, Receipt } from "./trust.ts";

const FileBytes = z.int().min(0);
/** Unix permission bits. */
const Mode = z.int().min(0).max(0o7777);
/**
 * Milliseconds since 1970 as the writer's machine told them: shown and restored, never decided on.
 */
const Time = z.int();
const Copies = z.int().min(1).max(limits.copiesMax);
/** How many earlier versions of each file, and for how long. */
const VersionsKept = z.int().min(0).max(limits.versionsMax);
const VersionDays = z.int().min(1).max(limits.versionDaysMax);

export const EntryKind = z.enum(["directory", "file", "link"]);
export type EntryKind = z.output<typeof EntryKind>;

/** One line of a listing. */
export const Entry = z.strictObject({
  name: z.string(),
  kind: EntryKind,
  sizeBytes: FileBytes,
  modifiedMs: Time,
  mode: Mode,
  /** Of files. */
  versionId: VersionId.optional(),
  /** Of links: the text of the link, resolved like a symbolic link. */
  target: z.string().optional(),
  /**
   * Of files with chunks, where asked for: the fewest holdings on green or yellow seeders over its
   * chunks, and when the copies there were last verified at the least, by the tracker's clock; null
   * where that is not known.
   */
  copiesLeast: z.int().min(0).optional(),
  verifiedMs: z.int().nullable().optional(),
});
export type Entry = z.output<typeof Entry>;

/** A path, or a version by its id: wherever a person may type either. */
export const Target = z.union([
  z.strictObject({ path: RemotePath }),
  z.strictObject({ versionId: VersionId }),
]);
export type Target = z.output<typeof Target>;

export const StatRequest = z.strictObject({
  target: Target,
  /** Follow a link in the last segment. Links before it are always followed. */
  follow: z.boolean(),
});
export const StatReply = Entry.extend({
  /** Where it was found, links resolved. */
  path: RemotePath,
  chunkCount: z.int().min(0),
  chunkSizeBytes: ChunkSize.optional(),
  manifestDigest: ManifestDigestHex.optional(),
  /**
   * The policy in force here: for a file, copies asked for; for a directory, for new files in it.
   */
  copiesWanted: Copies,
  /** Of a directory: what is kept of files that are overwritten in it. */
  keeps: z.strictObject({ versions: VersionsKept, versionDays: VersionDays }).optional(),
  /** Of a file: earlier versions that are kept. */
  oldVersions: z.int().min(0).optional(),
  /** Of a version that is not the current one: when another took its place, until when it stays. */
  supersededMs: z.int().optional(),
  keptUntilMs: z.int().optional(),
  /** The tracker's clock. */
  nowMs: z.int(),
});
export type StatReply = z.output<typeof StatReply>;

/** Entries in ascending order of the name's UTF-8 bytes. A file or link lists as itself. */
export const ListRequest = z.strictObject({
  path: RemotePath,
  after: z.string().optional(),
  limit: z.int().min(1).max(limits.listPageEntriesMax).optional(),
  /** Tell of each file how many copies it has and when they were verified. */
  copies: z.boolean().optional(),
});
export const ListReply = z.strictObject({
  /** The directory listed, links resolved. */
  path: RemotePath,
  kind: EntryKind,
  entries: z.array(Entry),
  /** The tracker's clock. */
  nowMs: z.int(),
  /** Pass as `after` for the next page; absent on the last. */
  next: z.string().optional(),
});
export type ListReply = z.output<typeof ListReply>;

export const UsageRequest = z.strictObject({ path: RemotePath });
export const UsageReply = z.strictObject({
  path: RemotePath,
  files: z.int(),
  directories: z.int(),
  links: z.int(),
  fileBytes: FileBytes,
});

export const MakeDirectoriesRequest = z.strictObject({
  paths: z.array(RemotePath).min(1).max(limits.batchItemsMax),
  /** Make missing parents, and accept a directory that is there, like `mkdir -p`. */
  parents: z.boolean(),
  /** Of each path, in their order; 0755 where there are none. Those that are there keep theirs. */
  modes: z.array(Mode).max(limits.batchItemsMax).optional(),
}).refine(({ paths, modes }) => modes === undefined || modes.length === paths.length, {
  message: "there is not one mode for each path",
});
export const MakeDirectoriesReply = z.strictObject({ made: z.int() });

export const MakeLinksRequest = z.strictObject({
  links: z.array(z.strictObject({
    path: RemotePath,
    target: z.string().min(1).max(limits.pathBytesMax).refine((text) => !text.includes("\0"), {
      message: "a link target holds a NUL character",
    }),
    modifiedMs: Time,
    /** Take the place of a link that is there. */
    replace: z.boolean(),
  })).min(1).max(limits.batchItemsMax),
});
export const MakeLinksReply = z.strictObject({ made: z.int() });

export const RemoveRequest = z.strictObject({
  path: RemotePath,
  /**
   * `directory`: an empty directory only. `file`: a file or link only. `tree`: whatever is there.
   */
  what: z.enum(["directory", "file", "tree"]),
  /** For good, past the trash. An empty directory always goes for good. */
  now: z.boolean().optional(),
});
export const RemoveReply = z.strictObject({
  files: z.int(),
  directories: z.int(),
  links: z.int(),
  /** Its number in the trash, and how long it stays there at least unless somebody empties it. */
  trashId: z.int().min(1).optional(),
  keptMs: z.int().min(0).optional(),
});

export const MoveRequest = z.strictObject({
  from: RemotePath,
  to: RemotePath,
  /** Take the place of a file or link that is there. A directory is never replaced. */
  replace: z.boolean(),
});
export const MoveReply = z.strictObject({
  path: RemotePath,
  /** What was replaced lies in the trash under this number. */
  trashId: z.int().min(1).optional(),
});

/**
 * For what is written below from now on. Null inherits from the directory above; what is absent
 * stays as it is.
 */
export const SetPolicyRequest = z.strictObject({
  path: RemotePath,
  copies: Copies.nullable().optional(),
  versions: VersionsKept.nullable().optional(),
  versionDays: VersionDays.nullable().optional(),
});
/** What is in force there now. */
export const SetPolicyReply = z.strictObject({
  copies: Copies,
  versions: VersionsKept,
  versionDays: VersionDays,
});

export const ResolvePrefixRequest = z.strictObject({ prefix: VersionPrefix });
export const ResolvePrefixReply = z.strictObject({
  /** At most ten; one match is an answer, several are ambiguous. */
  matches: z.array(
    z.strictObject({ versionId: VersionId, path: RemotePath, sizeBytes: FileBytes }),
  ),
});

// Writing. Every step is a batch, so that a thousand small files cost as many round trips as one.

/** What must be true of the path when the upload is opened and again when it is committed. */
export const Condition = z.union([
  z.strictObject({ kind: z.literal("create") }),
  z.strictObject({ kind: z.literal("replace") }),
  z.strictObject({ kind: z.literal("if-version"), versionId: VersionId }),
]);
export type Condition = z.output<typeof Condition>;

export const OpenUpload = z.strictObject({
  uploadId: UploadId,
  path: RemotePath,
  condition: Condition,
  chunkSizeBytes: ChunkSize,
  /** Absent when read from a pipe. */
  sizeBytes: FileBytes.optional(),
  modifiedMs: Time,
  mode: Mode,
});
export type OpenUpload = z.output<typeof OpenUpload>;

/** One result of a batch: either it is done or why not. */
function resultOf<T extends z.ZodRawShape>(shape: T) {
  return z.union([
    z.strictObject({ ok: z.literal(true), ...shape }),
    z.strictObject({ ok: z.literal(false), problem: Problem }),
  ]);
}

export const OpenRequest = z.strictObject({
  uploads: z.array(OpenUpload).min(1).max(limits.batchItemsMax),
});
export const OpenReply = z.strictObject({
  /** In the order asked. `path` has links resolved; missing parents are a problem. */
  results: z.array(resultOf({ path: RemotePath, copies: Copies })),
  leaseMs: z.int(),
});

export const PlaceRequest = z.strictObject({
  chunks: z.array(ChunkEntry.extend({
    uploadId: UploadId,
    /** Seeders that just failed the client for this chunk: named last if at all. */
    avoid: z.array(SeederId).max(64),
  })).min(1).max(limits.batchItemsMax),
});
export const Place = z.strictObject({
  seederId: SeederId,
  address: BaseUrl,
  leave: Leave,
});
export type Place = z.output<typeof Place>;
/** `held` copies are there already; send to the first `wanted - held` of `places` that take it. */
export const Placement = z.strictObject({
  held: z.int().min(0),
  wanted: Copies,
  places: z.array(Place),
});
export type Placement = z.output<typeof Placement>;
export const PlaceReply = z.strictObject({ results: z.array(resultOf({ placement: Placement })) });

/**
 * Chunk `index` of the upload is stored: with receipts for new copies, none for those held already.
 */
export const RecordedChunk = ChunkEntry.extend({
  index: z.int().min(0),
  receipts: z.array(Receipt).max(limits.copiesMax),
});
export type RecordedChunk = z.output<typeof RecordedChunk>;
export const RecordRequest = z.strictObject({
  chunks: z.array(RecordedChunk.extend({ uploadId: UploadId })).min(1).max(limits.batchItemsMax),
});
export const RecordReply = z.strictObject({
  results: z.array(resultOf({ copies: z.int().min(0) })),
  leaseMs: z.int(),
});

export const CommitUpload = z.strictObject({
  uploadId: UploadId,
  sizeBytes: FileBytes,
  /** Of the whole manifest; the tracker computes its own and refuses another. */
  manifestDigest: ManifestDigestHex,
  /** Chunks not recorded before: a small file needs no separate call. */
  chunks: z.array(RecordedChunk).max(limits.batchItemsMax),
});
export type CommitUpload = z.output<typeof CommitUpload>;
export const CommitRequest = z.strictObject({
  uploads: z.array(CommitUpload).min(1).max(limits.batchItemsMax),
});
export const CommitReply = z.strictObject({
  results: z.array(z.union([
    z.strictObject({
      ok: z.literal(true),
      versionId: VersionId,
      path: RemotePath,
      /** Fewest copies over its chunks now; below `wanted` the file is at risk until repaired. */
      copies: z.int().min(0),
      wanted: Copies,
      /** The version before, where it was kept as an earlier one and that is still known. */
      kept: VersionId.optional(),
      /** The version before, where it is gone, and why: by policy, or for want of room. */
      gone: z.strictObject({ versionId: VersionId, why: z.enum(["policy", "room"]) }).optional(),
    }),
    z.strictObject({
      ok: z.literal(false),
      problem: Problem,
      /** With `copies-missing`: the first of the chunks to send again. */
      missing: z.array(z.int()).max(limits.batchItemsMax).optional(),
    }),
  ])),
});

export const AbandonRequest = z.strictObject({ uploadIds: z.array(UploadId).min(1).max(1000) });
export const AbandonReply = z.strictObject({ abandoned: z.int() });

// Reading.

export const LocateRequest = z.strictObject({
  targets: z.array(Target).min(1).max(limits.batchItemsMax),
  /** First chunk wanted of each file. */
  fromChunk: z.int().min(0),
  /** Over all files together; a file is never split before its first chunk fits. */
  chunksMax: z.int().min(1).max(limits.manifestPageChunksMax),
});
export const LocatedChunk = ChunkEntry.extend({
  index: z.int().min(0),
  /** Green seeders first. A red holder is named last: it may be back before the tracker knows. */
  holders: z.array(z.strictObject({ seederId: SeederId, leave: Leave })),
});
export type LocatedChunk = z.output<typeof LocatedChunk>;
export const LocatedFile = z.strictObject({
  path: RemotePath,
  versionId: VersionId,
  sizeBytes: FileBytes,
  chunkSizeBytes: ChunkSize,
  chunkCount: z.int().min(0),
  manifestDigest: ManifestDigestHex,
  modifiedMs: Time,
  mode: Mode,
  /** From `fromChunk` on; fewer than asked when the page is full: ask again from the next. */
  chunks: z.array(LocatedChunk),
});
export type LocatedFile = z.output<typeof LocatedFile>;
export const LocateReply = z.strictObject({
  results: z.array(resultOf({ file: LocatedFile })),
  seeders: z.array(z.strictObject({
    seederId: SeederId,
    name: SeederName,
    address: BaseUrl,
    state: SeederState,
  })),
  /** The leaves live this long from now. */
  leaveLifeMs: z.int(),
});
export type LocateReply = z.output<typeof LocateReply>;

/** A reader got bytes that are not the chunk; the tracker has the seeder verify its copy. */
export const ReportRequest = z.strictObject({
  reports: z.array(z.strictObject({ seederId: SeederId, chunkId: ChunkId })).min(1).max(100),
});
export const ReportReply = z.strictObject({ accepted: z.int() });
