/**
 * The closed set of operations: all that the log of the namespace can say. Everything that was
 * decided is in the operation (ids, times, what it replaces), so that whoever applies it only
 * writes it down. How one is committed and replayed is in `operations.ts`.
 */
import * as z from "zod";
import {
  ChunkEntry,
  limits,
  ManifestDigestHex,
  SeederId,
  Term,
  VersionId,
} from "../../../protocol/mod.ts";
import { rootNodeId } from "../catalog/catalog.ts";
import { CodeUse } from "./code_uses.ts";
import { seederOperations } from "./seeder_operations.ts";

const NodeNumber = z.int().min(rootNodeId);
const Entries = z.array(ChunkEntry).max(limits.manifestPageChunksMax);
const place = { nodeId: NodeNumber, parentId: NodeNumber, name: z.string() };
/** Who asked for it. */
const by = z.string();
/** The version that was current becomes an old one. Its number is that of the operation. */
const Keeps = z.strictObject({ supersededMs: z.int(), untilMs: z.int() });

/** Settings that a person chooses. */
export const chosenSettings = ["healing-pace"] as const;
/** Who keeps the log (`plan/log_keepers.ts`). */
export const SetKeepers = z.strictObject({
  kind: z.literal("set-keepers"),
  seederIds: z.array(SeederId),
  /** Those before, until the change is on a majority of both. */
  before: z.array(SeederId).optional(),
});

/** Every change of the namespace. A node id that is there already means that node is changed. */
export const Operation = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("make-directory"),
    ...place,
    mode: z.int(),
    modifiedMs: z.int(),
    by,
  }),
  z.strictObject({
    kind: z.literal("make-link"),
    ...place,
    target: z.string(),
    modifiedMs: z.int(),
    by,
  }),
  /** Chunks `from` and on of a version whose `write-file` follows in the same transaction. */
  z.strictObject({
    kind: z.literal("manifest-page"),
    versionId: VersionId,
    from: z.int(),
    chunks: Entries,
  }),
  z.strictObject({
    kind: z.literal("write-file"),
    ...place,
    /** The version that was current; it goes away unless `keeps` says how long it is kept. */
    replaces: VersionId.optional(),
    keeps: Keeps.optional(),
    /** Old versions that go away because there are enough others. */
    drops: z.array(VersionId).optional(),
    versionId: VersionId,
    mode: z.int(),
    modifiedMs: z.int(),
    createdMs: z.int(),
    sizeBytes: z.int(),
    chunkSizeBytes: z.int(),
    chunkCount: z.int(),
    manifestDigest: ManifestDigestHex,
    copies: z.int(),
    /** It was found on a seeder's disk; `adopt-file` follows. */
    adopted: z.literal(true).optional(),
    /** The last chunks of the manifest, all of a small one; those before came in pages. */
    chunks: Entries,
    by,
  }),
  /** An old version becomes the current one again, which is kept in its turn. */
  z.strictObject({
    kind: z.literal("revert-file"),
    nodeId: NodeNumber,
    versionId: VersionId,
    keeps: Keeps,
    by,
  }),
  /** Old versions are given up. */
  z.strictObject({ kind: z.literal("drop-versions"), versionIds: z.array(VersionId), by }),
  z.strictObject({ kind: z.literal("remove"), nodeId: NodeNumber, by }),
  z.strictObject({
    kind: z.literal("move"),
    ...place,
    /** The file or link that had the name and goes away. */
    replaces: NodeNumber.optional(),
    by,
  }),
  /** Into the trash, whatever lies below it. */
  z.strictObject({
    kind: z.literal("trash"),
    trashId: z.int().min(1),
    nodeId: NodeNumber,
    path: z.string(),
    trashedMs: z.int(),
    by,
  }),
  /** Out of the trash again. */
  z.strictObject({
    kind: z.literal("restore"),
    trashId: z.int().min(1),
    parentId: NodeNumber,
    name: z.string(),
    by,
  }),
  z.strictObject({ kind: z.literal("purge"), trashIds: z.array(z.int().min(1)), by }),
  z.strictObject({
    kind: z.literal("set-policy"),
    nodeId: NodeNumber,
    /** Each: null for that of the directory above, absent to leave it as it is. */
    copies: z.int().nullable().optional(),
    versions: z.int().nullable().optional(),
    versionDays: z.int().nullable().optional(),
    by,
  }),
  ...seederOperations,
  /** Somebody logged in. */
  z.strictObject({ kind: z.literal("use-code"), use: CodeUse }),
  z.strictObject({
    kind: z.literal("set-setting"),
    name: z.enum(chosenSettings),
    value: z.string(),
    by,
  }),
  /** The first of every start of a tracker; its epoch is that of its record. */
  z.strictObject({
    kind: z.literal("start-tracker"),
    term: Term,
    /** Its state was taken from seeders or a file: the epoch is far above the one before. */
    rebuilt: z.literal(true).optional(),
  }),
  SetKeepers,
  /** What a file on a seeder's disk became, or was found to be already. */
  z.strictObject({
    kind: z.literal("adopt-file"),
    seederId: SeederId,
    source: z.string(),
    manifestDigest: ManifestDigestHex,
    versionId: VersionId,
    path: z.string(),
    clash: z.boolean(),
    adoptedMs: z.int(),
  }),
]);
export type Operation = z.output<typeof Operation>;
