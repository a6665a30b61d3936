/**
 * SHA-256, incremental and synchronous. `crypto.subtle` is not used: its results arrive in an order
 * the simulator cannot repeat (`docs/decisions/0003-synchronous-hashing.md`), and it is no faster.
 */
import { createHash } from "node:crypto";
import { ChunkId } from "./ids.ts";

/** A SHA-256 under way: any number of `update`, then one `hex`. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest as 64 hex digits. The object must not be used afterwards. */
  hex(): string;
}

export function startDigest(): Digest {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}

/**
 * The answer to a nonce of a verify order, once the bytes of the chunk are added: nobody can give
 * it who does not have all of them at hand after the question was asked.
 */
export function startAnswer(nonce: string): Digest {
  const hash = createHash("sha256").update(nonce, "hex");
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}

/** The id of a chunk with these bytes. */
export function chunkIdOf(bytes: Uint8Array): ChunkId {
  return ChunkId.parse(createHash("sha256").update(bytes).digest("hex"));
}
