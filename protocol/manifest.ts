/**
 * The manifest: the ordered chunks of one version of a file. Large manifests travel in pages; the
 * manifest digest is computed page by page and proves that a reader saw all of them, in order.
 */
import * as z from "zod";
import { chunkBytesAt, chunkCountOf } from "./chunking.ts";
import { startDigest } from "./digest.ts";
import { ChunkId } from "./ids.ts";
import { limits } from "./limits.ts";

export const ChunkEntry = z.strictObject({
  chunkId: ChunkId,
  sizeBytes: z.int().min(1).max(limits.chunkBytesMax),
});
export type ChunkEntry = z.output<typeof ChunkEntry>;

export const ManifestDigestHex = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

/** What is wrong with chunk `index` of a file of this size, in words, or undefined. */
export function chunkEntryProblem(
  entry: ChunkEntry,
  index: number,
  sizeBytes: number,
  chunkSizeBytes: number,
): string | undefined {
  const count = chunkCountOf(sizeBytes, chunkSizeBytes);
  if (index >= count) {
    return `chunk ${index} lies past the end: ${sizeBytes} bytes are ${count} chunks`;
  }
  const expected = chunkBytesAt(index, sizeBytes, chunkSizeBytes);
  if (entry.sizeBytes !== expected) {
    return `chunk ${index} has ${entry.sizeBytes} bytes where ${expected} are due`;
  }
  return undefined;
}

/**
 * SHA-256 over the line "offshore manifest 1 CHUNKSIZE\n" and, for each chunk in order, the line
 * "SIZE ID\n", all in ASCII with sizes in decimal. Two files with the same bytes cut at the same
 * size have the same manifest digest.
 */
export interface ManifestDigest {
  add(entry: ChunkEntry): void;
  hex(): string;
}

export function startManifestDigest(chunkSizeBytes: number): ManifestDigest {
  const encoder = new TextEncoder();
  const digest = startDigest();
  digest.update(encoder.encode(`offshore manifest 1 ${chunkSizeBytes}\n`));
  return {
    add: (entry) => digest.update(encoder.encode(`${entry.sizeBytes} ${entry.chunkId}\n`)),
    hex: () => digest.hex(),
  };
}
