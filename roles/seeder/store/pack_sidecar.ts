/**
 * The sidecar of a sealed pack: its records without their bodies, so that opening a store reads a
 * few kilobytes a pack. It may be deleted at any time: the pack is scanned and the sidecar written
 * again.
 *
 * Layout: "OFFSHORE INDEX 1", size of the pack (8), salt (16); for each record kind (1: 1 store,
 * 2 drop), offset (4), body size (4), chunk id (32); then the SHA-256 (32) of all before.
 */
import { createHash } from "node:crypto";
import { ChunkId } from "../../../protocol/mod.ts";
import { type Disk, readWhole, writeDurably } from "../../kit/disk.ts";
import type { Bytes } from "./pack_format.ts";
import type { PackContents, PackRecord } from "./pack_scan.ts";

const magic = new TextEncoder().encode("OFFSHORE INDEX 1");
const headBytes = 40;
const entryBytes = 41;
const digestBytes = 32;

export async function writeSidecar(
  disk: Disk,
  path: string,
  pack: { sizeBytes: number; salt: Bytes; records: readonly PackRecord[] },
): Promise<void> {
  const bytes = new Uint8Array(headBytes + pack.records.length * entryBytes + digestBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setBigUint64(16, BigInt(pack.sizeBytes));
  bytes.set(pack.salt, 24);
  pack.records.forEach((record, i) => {
    const at = headBytes + i * entryBytes;
    bytes[at] = record.kind === "store" ? 1 : 2;
    view.setUint32(at + 1, record.offset);
    view.setUint32(at + 5, record.sizeBytes);
    bytes.set(Uint8Array.fromHex(record.chunkId), at + 9);
  });
  const end = bytes.length - digestBytes;
  bytes.set(createHash("sha256").update(bytes.subarray(0, end)).digest(), end);
  await writeDurably(disk, path, bytes);
}

/**
 * What the sidecar says, or undefined when there is none, it is damaged, or the pack is another.
 */
export async function readSidecar(
  disk: Disk,
  path: string,
  packSizeBytes: number,
): Promise<PackContents | undefined> {
  const bytes = await readWhole(disk, path);
  if (bytes === undefined || bytes.length < headBytes + digestBytes) return undefined;
  const end = bytes.length - digestBytes;
  const digest = createHash("sha256").update(bytes.subarray(0, end)).digest("hex");
  if (bytes.subarray(end).toHex() !== digest || (end - headBytes) % entryBytes !== 0) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getBigUint64(16) !== BigInt(packSizeBytes)) return undefined;
  const records: PackRecord[] = [];
  for (let at = headBytes; at < end; at += entryBytes) {
    records.push({
      kind: bytes[at] === 1 ? "store" : "drop",
      offset: view.getUint32(at + 1),
      sizeBytes: view.getUint32(at + 5),
      chunkId: ChunkId.parse(bytes.subarray(at + 9, at + 41).toHex()),
    });
  }
  return { sizeBytes: packSizeBytes, salt: bytes.slice(24, 40), records, gaps: [] };
}
