/**
 * One line of the journal of adopted files, `adopted.log` (docs/DISK.md). A line says by itself
 * whether it is whole, and is never changed: what becomes of a file later is said by later lines.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import {
  checkedLine,
  chunkBytesAt,
  type ChunkEntry,
  ChunkId,
  ChunkSize,
  readLogLine,
  RemotePath,
  SeederId,
} from "../../../protocol/mod.ts";
import type { DiskStat } from "../../kit/disk.ts";

const Count = z.int().min(0);
const FileNumber = z.int().min(1);

/** What tells that a file is the one that was hashed. */
export const Fingerprint = z.strictObject({
  sizeBytes: Count,
  modifiedMs: z.int(),
  inode: Count,
});
export type Fingerprint = z.output<typeof Fingerprint>;

/** Chunk ids in one line: 256 MiB of a file at the default chunk size, about 4 KiB of text. */
export const partChunksMax = 64;

/** Some chunks of a file, in order; the line with `last` says that all were hashed. */
export const Part = Fingerprint.extend({
  /** 1, 2, 3 … in the order in which files were hashed. */
  file: FileNumber,
  /** From the top of the disk folder. */
  path: RemotePath,
  mode: z.int().min(0).max(0o7777),
  chunkSizeBytes: ChunkSize,
  /** The index of the first of `chunks`. */
  from: Count,
  chunks: z.array(ChunkId).max(partChunksMax),
  last: z.literal(true).optional(),
});
export type Part = z.output<typeof Part>;

/** What is known of a file, without its chunks. */
export type AdoptedHead = Omit<Part, "chunks" | "from" | "last">;

/** The file was changed, removed or replaced: nothing of it counts any more. */
const Gone = z.strictObject({ gone: FileNumber });
/** One of its chunks is not held any more as long as the file stays as it is. */
const Unlisted = z.strictObject({ unlisted: FileNumber, index: Count });

/** All files up to this number were offered, by this seeder, to a tracker of this generation. */
export const Offered = z.strictObject({
  offered: Count,
  seederId: SeederId,
  generation: Count,
});
export type Offered = z.output<typeof Offered>;

const Head = z.strictObject({ format: z.literal("offshore adopted 1") });

export const AdoptedLine = z.union([Part, Gone, Unlisted, Offered, Head]);
export type AdoptedLine = z.output<typeof AdoptedLine>;

const encoder = new TextEncoder();

export function encodeLine(line: AdoptedLine): Uint8Array<ArrayBuffer> {
  return encoder.encode(checkedLine(line));
}

/** Undefined when the line is not whole. */
export function readLine(text: string): AdoptedLine | undefined {
  return readLogLine(AdoptedLine, text);
}

/** The chunks of a part with their places in the file. */
export function placesIn(part: Part): (ChunkEntry & { readonly offset: number })[] {
  const { sizeBytes, chunkSizeBytes, from, chunks } = part;
  return chunks.map((chunkId, i) => ({
    chunkId,
    sizeBytes: chunkBytesAt(from + i, sizeBytes, chunkSizeBytes),
    offset: (from + i) * chunkSizeBytes,
  }));
}

export function headOf({ chunks: _c, from: _f, last: _l, ...head }: Part): AdoptedHead {
  return head;
}

export function isAsHashed(head: Fingerprint, stat: DiskStat | undefined): boolean {
  return stat?.kind === "file" && stat.sizeBytes === head.sizeBytes &&
    stat.modifiedMs === head.modifiedMs && stat.inode === head.inode;
}

/** 52 bits of the path's SHA-256; two paths with the same are told apart by the journal. */
export function keyOf(path: string): number {
  return Number.parseInt(createHash("sha256").update(path).digest("hex").slice(0, 13), 16);
}
