/**
 * Bytes of a pack file (docs/DISK.md): a pack head, then records, each a record head and a body.
 * Numbers are unsigned, most significant byte first.
 *
 * Pack head, 64 bytes: "OFFSHORE PACK 1\n", 16 random bytes (the salt), 32 bytes SHA-256 of these
 * 32. Record head, 64 bytes: "OFSR", version 1, kind (1 store, 2 drop), two zeros, body size (4),
 * chunk id (32), first 20 bytes of SHA-256 over the salt and the 44 bytes before.
 *
 * The salt keeps bytes inside a chunk, which a person chose, from being taken for a record when a
 * damaged pack is searched for the next record.
 */
import { createHash } from "node:crypto";
import { ChunkId, limits } from "../../../protocol/mod.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export const packHeadBytes = 64;
export const recordHeadBytes = 64;
/** Where a record may begin: the first bytes of its head. */
export const recordMagic: Bytes = new TextEncoder().encode("OFSR");

const packMagic = new TextEncoder().encode("OFFSHORE PACK 1\n");
const kinds = ["store", "drop"] as const;

export interface RecordHead {
  readonly kind: typeof kinds[number];
  readonly chunkId: ChunkId;
  /** Size of the body; 0 for a drop. */
  readonly sizeBytes: number;
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

export function encodePackHead(salt: Bytes): Bytes {
  const out = new Uint8Array(packHeadBytes);
  out.set(packMagic);
  out.set(salt, 16);
  out.set(sha256(out.subarray(0, 32)), 32);
  return out;
}

/** The salt, or undefined when this is no whole pack head. */
export function readPackHead(bytes: Bytes): Bytes | undefined {
  if (bytes.length < packHeadBytes || !same(bytes.subarray(0, 16), packMagic)) return undefined;
  if (!same(bytes.subarray(32, 64), sha256(bytes.subarray(0, 32)))) return undefined;
  return bytes.slice(16, 32);
}

export function encodeRecordHead(salt: Bytes, head: RecordHead): Bytes {
  const out = new Uint8Array(recordHeadBytes);
  out.set(recordMagic);
  out[4] = 1;
  out[5] = kinds.indexOf(head.kind) + 1;
  new DataView(out.buffer).setUint32(8, head.sizeBytes);
  out.set(Uint8Array.fromHex(head.chunkId), 12);
  out.set(sha256(salt, out.subarray(0, 44)).subarray(0, 20), 44);
  return out;
}

/**
 * The head in these 64 bytes, or undefined when they are none. With the salt lost its check cannot
 * be made; the caller must then check the body, and trust no drop.
 */
export function readRecordHead(salt: Bytes | undefined, bytes: Bytes): RecordHead | undefined {
  if (bytes.length < recordHeadBytes || !same(bytes.subarray(0, 4), recordMagic)) return undefined;
  const kind = kinds[(bytes[5] ?? 0) - 1];
  if (bytes[4] !== 1 || kind === undefined) return undefined;
  if (salt === undefined) {
    if (kind === "drop") return undefined;
  } else if (!same(bytes.subarray(44, 64), sha256(salt, bytes.subarray(0, 44)).subarray(0, 20))) {
    return undefined;
  }
  const sizeBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
  if (sizeBytes > limits.chunkBytesMax || (kind === "drop") !== (sizeBytes === 0)) return undefined;
  return { kind, chunkId: ChunkId.parse(bytes.subarray(12, 44).toHex()), sizeBytes };
}
