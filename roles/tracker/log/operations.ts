/**
 * The log of the namespace: the closed set of operations, how one is committed, and how a log is
 * replayed. Everything that was decided is in the operation (ids, times, what it replaces), so that
 * `applyOperation` (`apply.ts`), the one function that changes the derived tables, only writes it
 * down; the live tracker and a replay run the same code and arrive at the same tables.
 */
import * as z from "zod";
import {
  ChunkEntry,
  Fault,
  limits,
  logChecksum,
  logOrigin,
  ManifestDigestHex,
  SeederId,
  Term,
  VersionId,
} from "../../../protocol/mod.ts";
import type { AcknowledgePermit, GiveUpPermit } from "../authority/authority.ts";
import { applyOperation, keepersSetting, type Removed } from "./apply.ts";
import { codesUsedSetting, CodeUse } from "./code_uses.ts";
import { seederOperations } from "./seeder_operations.ts";
import {
  type Catalog,
  type CatalogTransaction,
  type LogRow,
  rootNodeId,
} from "../catalog/catalog.ts";

const NodeNumber = z.int().min(rootNodeId);
const Entries = z.array(ChunkEntry).max(limits.manifestPageChunksMax);
const place = { nodeId: NodeNumber, parentId: NodeNumber, name: z.string() };
/** Who asked for it. */
const by = z.string();
/** The version that was current becomes an old one. Its number is that of the operation. */
const Keeps = z.strictObject({ supersededMs: z.int(), untilMs: z.int() });

/** Settings that a person chooses. */
const chosenSettings = ["healing-pace"] as const;
/** Settings that operations write, and that come back with the log. */
export const loggedSettings = [...chosenSettings, keepersSetting, codesUsedSetting] as const;

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

/** Under which start of the tracker, and when by its clock, an operation is committed. */
export interface Stamp {
  readonly permit: AcknowledgePermit;
  readonly epoch: number;
  readonly term: string;
  readonly nowMs: number;
}

/** What takes away something that nothing brings back. */
type GivingUp = Extract<
  Operation,
  { kind: "remove" | "purge" | "drop-versions" | "forget-seeder" }
>;

type Start = Extract<Operation, { kind: "start-tracker" }>;

/** Appends the operation to the log and applies it, in the caller's transaction. */
export function commitOperation(
  tx: CatalogTransaction,
  stamp: Stamp,
  operation: Exclude<Operation, GivingUp | Start>,
): Promise<Removed> {
  return append(tx, stamp, operation);
}

/** The same for what gives up something for good. */
export function commitGivingUp(
  _permit: GiveUpPermit,
  tx: CatalogTransaction,
  stamp: Stamp,
  operation: GivingUp,
): Promise<Removed> {
  return append(tx, stamp, operation);
}

/** The record of a start: before it nobody is here who could permit anything. */
export function commitBeginning(
  tx: CatalogTransaction,
  stamp: Omit<Stamp, "permit">,
  operation: Start,
): Promise<Removed> {
  return append(tx, stamp, operation);
}

async function append(
  tx: CatalogTransaction,
  stamp: Omit<Stamp, "permit">,
  operation: Operation,
): Promise<Removed> {
  const head = await tx.logHead();
  const text = JSON.stringify(operation);
  const sequence = (head?.sequence ?? 0) + 1;
  await tx.appendLog({
    sequence,
    epoch: stamp.epoch,
    term: stamp.term,
    timeMs: Math.max(stamp.nowMs, head?.timeMs ?? 0),
    text,
    checksum: chainChecksum(head?.checksum, text),
  });
  return await applyOperation(tx, operation, sequence);
}

/** The checksum of a log row with this text after one with that checksum. */
export function chainChecksum(previous: string | undefined, text: string): string {
  return logChecksum(previous ?? logOrigin.checksum, text);
}

/** The number for a new node: higher than any that was ever given. */
export async function nextNodeId(tx: CatalogTransaction): Promise<number> {
  return Math.max(rootNodeId, await tx.highestNodeId()) + 1;
}

/** Makes the root of an empty catalog; nothing happens when it is there. */
export async function ensureRoot(tx: CatalogTransaction): Promise<void> {
  if (await tx.node(rootNodeId) !== undefined) return;
  await tx.putNode({
    nodeId: rootNodeId,
    parentId: rootNodeId,
    name: "",
    kind: "directory",
    mode: 0o755,
    modifiedMs: 0,
    sizeBytes: 0,
  });
}

const pageRows = 256;

/**
 * Rebuilds the derived tables of `to`, which must be empty, from the log of `from`, and copies the
 * log. How many operations there were. Throws `config-corrupt` when a checksum does not fit.
 */
export async function replay(from: Catalog, to: Catalog): Promise<number> {
  await to.transaction(ensureRoot);
  let previous: LogRow | undefined;
  for (;;) {
    const rows = await nextRows(from, previous?.sequence ?? 0);
    if (rows.length === 0) return previous?.sequence ?? 0;
    const before = previous;
    await to.transaction((tx) => replayRows(tx, rows, before));
    previous = rows.at(-1);
  }
}

/**
 * Appends rows that come after `previous` and applies them. Must not end between the pages of a
 * manifest and their file. Throws `config-corrupt` when a checksum does not fit.
 */
export async function replayRows(
  tx: CatalogTransaction,
  rows: readonly LogRow[],
  previous: LogRow | undefined,
): Promise<void> {
  let last = previous;
  for (const row of rows) {
    const operation = readRow(row, last);
    await tx.appendLog(row);
    await applyOperation(tx, operation, row.sequence);
    last = row;
  }
}

/** Told without reading it. */
export function isSetKeepers(text: string): boolean {
  return text.startsWith('{"kind":"set-keepers"');
}

/** The record of a start. */
export function isStart({ text }: LogRow): boolean {
  return text.startsWith('{"kind":"start-tracker"');
}

/** Whether rows that follow this one belong to the same change. */
export function isPart(row: LogRow | undefined): boolean {
  return row?.text.startsWith('{"kind":"manifest-page"') ?? false;
}

/** Some rows after `sequence`, never ending between the pages of a manifest and their file. */
async function nextRows(from: Catalog, sequence: number): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  for (;;) {
    const after = rows.at(-1)?.sequence ?? sequence;
    const page = await from.read((view) => view.logAfter(after, pageRows));
    rows.push(...page);
    if (page.length === 0 || !isPart(rows.at(-1))) return rows;
  }
}

function readRow(row: LogRow, previous: LogRow | undefined): Operation {
  const sound = row.sequence === (previous?.sequence ?? 0) + 1 &&
    row.checksum === chainChecksum(previous?.checksum, row.text);
  try {
    if (sound) return Operation.parse(JSON.parse(row.text));
  } catch (cause) {
    throw damaged(row, "it cannot be read", cause);
  }
  throw damaged(row, "its checksum does not follow from the operation before it");
}

function damaged(row: LogRow, why: string, cause?: unknown): Fault {
  return new Fault("config-corrupt", `operation ${row.sequence} of the log is damaged: ${why}`, {
    next: "restore the tracker's catalog from a copy, and keep the damaged one",
    cause,
  });
}
