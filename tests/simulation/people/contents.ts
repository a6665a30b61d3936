/**
 * The contents of files in the world: made from a number and a size alone, so that every copy can
 * be told right from wrong, and cheap to make. Different numbers share no chunk.
 */
import { Buffer } from "node:buffer";
import { type ChunkEntry, chunkIdOf, chunksOfRange } from "../../../protocol/mod.ts";
import { seededRandom } from "../../../roles/kit/random.ts";

export interface Content {
  readonly number: number;
  readonly sizeBytes: number;
}

export const chunkSizeBytes = 1024 * 1024;

/** A page of noise, repeated; the place of the page is written into each. */
export function bytesOf(content: Content): Uint8Array<ArrayBuffer> {
  const page = seededRandom(content.number).bytes(64);
  const bytes = new Uint8Array(content.sizeBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 4096) {
    bytes.set(page.subarray(0, Math.min(page.length, bytes.length - at)), at);
    if (at + 8 <= bytes.length) view.setUint32(at + 4, at);
  }
  return bytes;
}

export function isContent(bytes: Uint8Array<ArrayBuffer>, content: Content): boolean {
  return bytes.length === content.sizeBytes && Buffer.compare(bytes, bytesOf(content)) === 0;
}

export function isSame(one: Content, other: Content): boolean {
  return one.number === other.number && one.sizeBytes === other.sizeBytes;
}

/** The chunks it is cut into, as clients of the world cut. */
export function chunksOf(content: Content, cutAtBytes = chunkSizeBytes): ChunkEntry[] {
  const range = chunksOfRange(0, content.sizeBytes, cutAtBytes);
  if (range === undefined) return [];
  const bytes = bytesOf(content);
  return Array.from({ length: range.last + 1 }, (_, i) => {
    const chunk = bytes.subarray(i * cutAtBytes, (i + 1) * cutAtBytes);
    return { chunkId: chunkIdOf(chunk), sizeBytes: chunk.length };
  });
}

export function told(content: Content): string {
  return `content ${content.number} of ${content.sizeBytes} bytes`;
}

/** In parts, as from a pipe. */
export function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 100_000));
      at += 100_000;
    },
  }, { highWaterMark: 0 });
}
