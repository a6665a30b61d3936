/**
 * Messages about the trash: what was removed and can come back. What lies there keeps its chunks;
 * it is purged by age, by its share of the disks, oldest first, or on request.
 */
import * as z from "zod";
import { EntryKind } from "./files.ts";
import { limits } from "./limits.ts";
import { TrashSums } from "./membership.ts";
import { RemotePath } from "./paths.ts";

/** Numbered in the order of removal, never used twice. */
export const TrashId = z.int().min(1);

const { entries: _, ...sums } = TrashSums.shape;

/** One removal: a file, a link or a whole tree. Directories count the top of a tree as well. */
export const TrashEntry = z.strictObject({
  trashId: TrashId,
  /** Where it was. */
  path: RemotePath,
  kind: EntryKind,
  /** By the tracker's clock. */
  trashedMs: z.int(),
  /** Who removed it. */
  by: z.string(),
  ...sums,
});
export type TrashEntry = z.output<typeof TrashEntry>;

export const TrashRequest = z.strictObject({
  after: TrashId.optional(),
  limit: z.int().min(1).max(limits.listPageEntriesMax).optional(),
});
/** Oldest first. */
export const TrashReply = z.strictObject({
  entries: z.array(TrashEntry),
  /** Pass as `after` for the next page; absent on the last. */
  next: TrashId.optional(),
  /** An entry is purged at this age. */
  keepMs: z.int(),
  /** The tracker's clock. */
  nowMs: z.int(),
});
export type TrashReply = z.output<typeof TrashReply>;

export const RestoreRequest = z.strictObject({
  /** By path: what was removed from there last. */
  what: z.union([z.strictObject({ trashId: TrashId }), z.strictObject({ path: RemotePath })]),
  /** Instead of where it was. */
  to: RemotePath.optional(),
});
export const RestoreReply = z.strictObject({ path: RemotePath, entry: TrashEntry });

export const EmptyTrashRequest = z.strictObject({
  /** `all`: what lies there now. */
  trashIds: z.union([z.literal("all"), z.array(TrashId).min(1).max(limits.batchItemsMax)]),
});
export const EmptyTrashReply = TrashSums;
