/** Arithmetic between a file's size, its chunks and ranges of bytes. No bytes are touched here. */
import * as z from "zod";
import { limits } from "./limits.ts";

/** The size at which one file is cut, recorded in its manifest. */
export const ChunkSize = z.int().min(limits.chunkBytesMin).max(limits.chunkBytesMax);

/** How many chunks a file of this size has; none for an empty file. */
export function chunkCountOf(sizeBytes: number, chunkSizeBytes: number): number {
  return Math.ceil(sizeBytes / chunkSizeBytes);
}

/** The size of chunk `index`: all are full but the last. */
export function chunkBytesAt(index: number, sizeBytes: number, chunkSizeBytes: number): number {
  return Math.min(chunkSizeBytes, sizeBytes - index * chunkSizeBytes);
}

/** Chunks `first` to `last`, both included, hold the bytes `start` to `end`, end excluded. */
export function chunksOfRange(
  start: number,
  end: number,
  chunkSizeBytes: number,
): { first: number; last: number } | undefined {
  if (end <= start) return undefined;
  return { first: Math.floor(start / chunkSizeBytes), last: Math.ceil(end / chunkSizeBytes) - 1 };
}
