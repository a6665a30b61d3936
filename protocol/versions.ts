/**
 * Messages about earlier versions of files. An overwrite keeps what was there before, as the policy
 * of the directory says; any of them can be read by its id and become the current one again.
 */
import * as z from "zod";
import { Target } from "./files.ts";
import { VersionId } from "./ids.ts";
import { VersionSums } from "./membership.ts";
import { RemotePath } from "./paths.ts";

/** Times by the tracker's clock, `modifiedMs` by that of the writer's machine. */
export const FileVersion = z.strictObject({
  versionId: VersionId,
  current: z.boolean(),
  sizeBytes: z.int().min(0),
  createdMs: z.int(),
  modifiedMs: z.int(),
  mode: z.int().min(0).max(0o7777),
  /** Who wrote it, where that is known. */
  by: z.string().optional(),
  /** Of those that are not current: when another took the place, and until when it is kept. */
  supersededMs: z.int().optional(),
  keptUntilMs: z.int().optional(),
});
export type FileVersion = z.output<typeof FileVersion>;

export const VersionsRequest = z.strictObject({ target: Target });
/** The current one first, then those that it and each other took the place of, latest first. */
export const VersionsReply = z.strictObject({
  path: RemotePath,
  versions: z.array(FileVersion),
  /** The tracker's clock. */
  nowMs: z.int(),
});
export type VersionsReply = z.output<typeof VersionsReply>;

/** Asked again, the same answer: what is current already needs no change. */
export const RevertFileRequest = z.strictObject({
  path: RemotePath,
  /** An earlier version of this file. */
  versionId: VersionId,
  /** Refuse when another one than this is current. */
  current: VersionId.optional(),
});
export const RevertFileReply = z.strictObject({
  path: RemotePath,
  versionId: VersionId,
  sizeBytes: z.int().min(0),
  /** What was current, and until when it is kept; absent when nothing had to be changed. */
  before: z.strictObject({ versionId: VersionId, keptUntilMs: z.int() }).optional(),
});
export type RevertFileReply = z.output<typeof RevertFileReply>;

/** Page by page: gives up old versions of a file, or of all files below a directory. */
export const EmptyVersionsRequest = z.strictObject({
  path: RemotePath,
  after: z.int().min(0).optional(),
});
export const EmptyVersionsReply = VersionSums.extend({
  /** Pass as `after` for the next page; absent on the last. */
  next: z.int().min(0).optional(),
});

/** The last change of the namespace that the caller asked for. */
export const LastChangeReply = z.strictObject({
  change: z.discriminatedUnion("kind", [
    /** `path`: where the file is now; absent when it is gone. */
    z.strictObject({
      kind: z.literal("overwrite"),
      path: RemotePath.optional(),
      versionId: VersionId,
      before: VersionId,
    }),
    z.strictObject({
      kind: z.literal("removal"),
      path: RemotePath,
      trashId: z.int().min(1),
    }),
    /** Nothing that is taken back: the operation's name in the log. */
    z.strictObject({ kind: z.literal("other"), operation: z.string() }),
  ]).optional(),
});
export type LastChangeReply = z.output<typeof LastChangeReply>;
