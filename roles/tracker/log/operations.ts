/**
 * The log of the namespace: how one operation (`operation.ts`) is committed, and how a log is
 * replayed. Everything that was decided is in the operation (ids, times, what it replaces), so that
 * `applyOperation` (`apply.ts`), the one function that changes the derived tables, only writes it
 * down; the live tracker and a replay run the same code and arrive at the same tables.
 */
import { Fault, logChecksum, logOrigin } from "../../../protocol/mod.ts";
import type { AcknowledgePermit, GiveUpPermit } from "../authority/authority.ts";
import { chosenSettings, Operation } from "./operation.ts";
import { applyOperation, keepersSetting, type Removed } from "./apply.ts";
import { codesUsedSetting } from "./code_uses.ts";
import {
  type Catalog,
  type CatalogTransaction,
  type LogRow,
  rootNodeId,
} from "../catalog/catalog.ts";

/** Settings that operations write, and that come back with the log. */
export const loggedSettings = [...chosenSettings, keepersSetting, codesUsedSetting] as const;

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
