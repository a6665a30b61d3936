/**
 * What an operation of the log does to the tables, kind by kind. The live tracker and a replay run
 * this and nothing else, so they arrive at the same tables; nothing is decided here.
 */
import { Fault, type SeederId, type VersionId } from "../../../protocol/mod.ts";
import {
  type CatalogTransaction,
  type NodeRow,
  type OldFacts,
  trashNodeId,
} from "../catalog/catalog.ts";
import { codesUsedSetting, type CodeUse, withUse } from "./code_uses.ts";
import type { Operation } from "./operation.ts";
import { seederAfter, type SeederOperation } from "./seeder_operations.ts";

/** Who keeps the log, and which operation named them. */
export const keepersSetting = "log-keepers";

/** What a removal took away; zeros for every other operation. */
export interface Removed {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
}
const nothingRemoved: Removed = { files: 0, directories: 0, links: 0 };

/**
 * Changes the derived tables as the operation says. Checks nothing: it was decided before.
 * @param sequence the operation's number in the log
 */
export async function applyOperation(
  tx: CatalogTransaction,
  operation: Operation,
  sequence: number,
): Promise<Removed> {
  switch (operation.kind) {
    case "make-directory": {
      const { nodeId, parentId, name, mode, modifiedMs } = operation;
      const kind = "directory";
      await tx.putNode({ nodeId, parentId, name, kind, mode, modifiedMs, sizeBytes: 0 });
      return nothingRemoved;
    }
    case "make-link": {
      const { nodeId, parentId, name, target, modifiedMs } = operation;
      const sizeBytes = new TextEncoder().encode(target).length;
      const row = { nodeId, parentId, name, mode: 0o777, modifiedMs, sizeBytes, target };
      await tx.putNode({ ...row, kind: "link" });
      return nothingRemoved;
    }
    case "manifest-page":
      await tx.putManifest(operation.versionId, operation.from, operation.chunks);
      return nothingRemoved;
    case "write-file":
      await writeFile(tx, operation, sequence);
      return nothingRemoved;
    case "remove":
      return await tx.removeTree(operation.nodeId);
    case "move": {
      const node = await tx.node(operation.nodeId);
      if (node === undefined) throw contradiction(operation);
      if (operation.replaces !== undefined) await tx.removeTree(operation.replaces);
      await tx.putNode({ ...node, parentId: operation.parentId, name: operation.name });
      return nothingRemoved;
    }
    case "revert-file":
      await revertFile(tx, operation, sequence);
      return nothingRemoved;
    case "drop-versions":
      for (const versionId of operation.versionIds) await tx.removeVersion(versionId);
      return nothingRemoved;
    case "trash":
      await trash(tx, operation);
      return nothingRemoved;
    case "restore": {
      const entry = await tx.trashed(operation.trashId);
      const node = entry && await tx.node(entry.nodeId);
      if (node === undefined) throw contradiction(operation);
      await tx.putNode({ ...node, parentId: operation.parentId, name: operation.name });
      await tx.removeTrash(operation.trashId);
      return nothingRemoved;
    }
    case "purge":
      for (const trashId of operation.trashIds) {
        const entry = await tx.trashed(trashId);
        if (entry === undefined) throw contradiction(operation);
        await tx.removeTree(entry.nodeId);
        await tx.removeTrash(trashId);
      }
      return nothingRemoved;
    case "set-policy": {
      const node = await tx.node(operation.nodeId);
      if (node === undefined) throw contradiction(operation);
      await tx.putNode(withPolicy(node, operation));
      return nothingRemoved;
    }
    case "forget-seeder":
    case "ban-seeder":
      await removeHeld(tx, operation.seederId);
      await changeSeeder(tx, operation);
      return nothingRemoved;
    case "use-code":
      await useCode(tx, operation.use);
      return nothingRemoved;
    case "join-seeder":
      await useCode(tx, operation.use);
      await changeSeeder(tx, operation);
      return nothingRemoved;
    case "accept-seeder":
    case "care-seeder":
      await changeSeeder(tx, operation);
      return nothingRemoved;
    case "set-setting":
      await tx.putSetting(operation.name, operation.value);
      return nothingRemoved;
    case "set-keepers": {
      const { kind: _, ...named } = operation;
      await tx.putSetting(keepersSetting, JSON.stringify({ sequence, ...named }));
      return nothingRemoved;
    }
    case "start-tracker":
      return nothingRemoved;
    case "adopt-file": {
      const { kind: _, ...row } = operation;
      await tx.putAdoption(row);
      return nothingRemoved;
    }
  }
}

type WriteFile = Extract<Operation, { kind: "write-file" }>;

async function writeFile(
  tx: CatalogTransaction,
  operation: WriteFile,
  sequence: number,
): Promise<void> {
  const { nodeId, parentId, name, mode, modifiedMs, sizeBytes, versionId } = operation;
  const { chunkSizeBytes, chunkCount, manifestDigest, copies, createdMs, chunks } = operation;
  const { replaces, keeps, drops = [], by } = operation;
  if (replaces !== undefined && keeps === undefined) await tx.removeVersion(replaces);
  if (replaces !== undefined && keeps !== undefined) {
    await supersede(tx, operation, replaces, { ...keeps, number: sequence });
  }
  for (const versionId of drops) await tx.removeVersion(versionId);
  await tx.putVersion({
    versionId,
    nodeId,
    sizeBytes,
    chunkSizeBytes,
    chunkCount,
    manifestDigest,
    copies,
    createdMs,
    by,
    ...(operation.adopted === true ? { adopted: true } : {}),
  });
  if (chunks.length > 0) await tx.putManifest(versionId, chunkCount - chunks.length, chunks);
  const kind = "file";
  await tx.putNode({ nodeId, parentId, name, kind, mode, modifiedMs, sizeBytes, versionId });
}

/** Writes down what the node still says of its current version, before that is another. */
async function supersede(
  tx: CatalogTransaction,
  operation: WriteFile | RevertFile,
  versionId: VersionId,
  kept: Omit<OldFacts, "mode" | "modifiedMs">,
): Promise<void> {
  const node = await tx.node(operation.nodeId);
  const version = await tx.version(versionId);
  if (node === undefined || version === undefined) throw contradiction(operation);
  const { mode, modifiedMs } = node;
  await tx.putVersion({ ...version, old: { ...kept, mode, modifiedMs } });
}

type RevertFile = Extract<Operation, { kind: "revert-file" }>;

async function revertFile(
  tx: CatalogTransaction,
  operation: RevertFile,
  sequence: number,
): Promise<void> {
  const { nodeId, versionId, keeps } = operation;
  const node = await tx.node(nodeId);
  const version = await tx.version(versionId);
  if (node?.versionId === undefined || version?.old === undefined) throw contradiction(operation);
  await supersede(tx, operation, node.versionId, { ...keeps, number: sequence });
  const { old: { mode, modifiedMs }, ...current } = version;
  await tx.putVersion(current);
  await tx.putNode({ ...node, versionId, sizeBytes: version.sizeBytes, mode, modifiedMs });
}

type SetPolicy = Extract<Operation, { kind: "set-policy" }>;

function withPolicy(node: NodeRow, operation: SetPolicy): NodeRow {
  const { copies, versions, versionDays, ...rest } = node;
  const then = {
    copies: operation.copies === undefined ? copies : operation.copies,
    versions: operation.versions === undefined ? versions : operation.versions,
    versionDays: operation.versionDays === undefined ? versionDays : operation.versionDays,
  };
  return {
    ...rest,
    ...(typeof then.copies === "number" ? { copies: then.copies } : {}),
    ...(typeof then.versions === "number" ? { versions: then.versions } : {}),
    ...(typeof then.versionDays === "number" ? { versionDays: then.versionDays } : {}),
  };
}

type Trash = Extract<Operation, { kind: "trash" }>;

async function trash(tx: CatalogTransaction, operation: Trash): Promise<void> {
  const { trashId, nodeId, path, trashedMs, by } = operation;
  const node = await tx.node(nodeId);
  if (node === undefined) throw contradiction(operation);
  const below = await tx.usage(nodeId);
  const { kind } = node;
  const directories = below.directories + (kind === "directory" ? 1 : 0);
  await tx.putTrash({ trashId, nodeId, path, kind, trashedMs, by, ...below, directories });
  await tx.putNode({ ...node, parentId: trashNodeId, name: String(trashId) });
}

async function useCode(tx: CatalogTransaction, use: CodeUse): Promise<void> {
  await tx.putSetting(codesUsedSetting, withUse(await tx.setting(codesUsedSetting), use));
}

async function changeSeeder(tx: CatalogTransaction, operation: SeederOperation): Promise<void> {
  const row = (await tx.seeders()).find((each) => each.seederId === operation.seederId);
  const after = seederAfter(row, operation);
  if (after !== undefined) await tx.putSeeder(after);
}

const forgottenAtOnce = 4096;

async function removeHeld(tx: CatalogTransaction, seederId: SeederId): Promise<void> {
  for (;;) {
    const held = await tx.holdingsOf(seederId, undefined, forgottenAtOnce);
    if (held.length === 0) break;
    await tx.removeHoldings(seederId, held.map(({ chunkId }) => chunkId));
  }
  await tx.removeAdoptions(seederId);
}

function contradiction(operation: Operation): Fault {
  return new Fault(
    "config-corrupt",
    `the log speaks of a node that is not there: ${JSON.stringify(operation).slice(0, 200)}`,
    { next: "restore the tracker's catalog from a copy, and keep the damaged one" },
  );
}
