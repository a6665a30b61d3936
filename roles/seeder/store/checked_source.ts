/**
 * The bytes of one chunk on their way in: counted and hashed while they pass. Both engines take
 * their bytes through here, so that none of them can keep what it did not check.
 */
import { type ChunkId, Fault, startDigest } from "../../../protocol/mod.ts";

export type ByteSource = AsyncIterable<Uint8Array<ArrayBuffer>>;

/**
 * Passes on the parts of `source` and throws unless they were the chunk `chunkId` of `sizeBytes`.
 * The part that goes past the size is not passed on.
 * @throws Fault `size-mismatch`, `truncated-body`, `digest-mismatch`, and what the source throws
 */
export async function* checkedSource(
  chunkId: ChunkId,
  sizeBytes: number,
  source: ByteSource,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const digest = startDigest();
  let seenBytes = 0;
  for await (const part of source) {
    seenBytes += part.length;
    if (seenBytes > sizeBytes) {
      throw new Fault(
        "size-mismatch",
        `chunk ${chunkId.slice(0, 12)} was declared with ${sizeBytes} bytes and has more`,
      );
    }
    digest.update(part);
    yield part;
  }
  if (seenBytes < sizeBytes) {
    throw new Fault(
      "truncated-body",
      `chunk ${chunkId.slice(0, 12)} ended after ${seenBytes} of ${sizeBytes} bytes`,
    );
  }
  checkDigest(chunkId, digest.hex());
}

/** @throws Fault `digest-mismatch` */
export function checkDigest(chunkId: ChunkId, found: string): void {
  if (found === chunkId) return;
  throw new Fault(
    "digest-mismatch",
    `the bytes sent as chunk ${chunkId.slice(0, 12)} have the SHA-256 ${found.slice(0, 12)}`,
  );
}

/** All bytes of a chunk that is small enough to be held in memory, checked. */
export async function checkedBytes(
  chunkId: ChunkId,
  sizeBytes: number,
  source: ByteSource,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for await (const part of checkedSource(chunkId, sizeBytes, source)) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Reads a source of a chunk that is there already: checked all the same, and forgotten. */
export async function checkOnly(
  chunkId: ChunkId,
  sizeBytes: number,
  source: ByteSource,
): Promise<void> {
  for await (const _ of checkedSource(chunkId, sizeBytes, source)) continue;
}
