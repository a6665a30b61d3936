/**
 * Contents of files by a number and a size: made again at any time, so that what comes back can be
 * compared byte for byte without keeping what was sent. No two numbers share a chunk.
 */
import { Buffer } from "node:buffer";
import * as z from "zod";
import { chunkIdOf, limits } from "../../protocol/mod.ts";

export const Content = z.strictObject({ number: z.int().min(1), sizeBytes: z.int().min(0) });
export type Content = z.output<typeof Content>;

/** xorshift32 (Marsaglia 2003): noise enough for chunks to differ, and fast. */
export function bytesOf({ number, sizeBytes }: Content): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let x = (number * 2_654_435_761 + 1) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

export function isContent(bytes: Uint8Array, content: Content): boolean {
  return bytes.length === content.sizeBytes && Buffer.compare(bytes, bytesOf(content)) === 0;
}

/** The ids of the chunks it is cut into. */
export function chunkIdsOf(content: Content): string[] {
  const bytes = bytesOf(content);
  const size = limits.chunkBytesDefault;
  return Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => chunkIdOf(bytes.subarray(i * size, (i + 1) * size)),
  );
}

export function told(content: Content | undefined): string {
  return content === undefined
    ? "nothing"
    : `content ${content.number}, ${content.sizeBytes} bytes`;
}
