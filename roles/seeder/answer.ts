/**
 * The answer to a question that only a holder of the bytes can give: the chunk is read once, and
 * both its id and the answer come of that. Reads a chunk larger than memory part by part.
 */
import { type ChunkId, startAnswer, startDigest } from "../../protocol/mod.ts";
import type { ChunkStore } from "./store/chunk_store.ts";

/**
 * Undefined when the bytes are not those of the id. Whatever the store throws is passed on.
 * @param nonce 64 hex digits
 */
export async function answerTo(
  store: Pick<ChunkStore, "read">,
  chunkId: ChunkId,
  nonce: string,
): Promise<string | undefined> {
  const { body } = await store.read(chunkId);
  const id = startDigest(), answer = startAnswer(nonce);
  const parts = body instanceof Uint8Array ? [body] : body;
  for await (const part of parts) {
    id.update(part);
    answer.update(part);
  }
  return id.hex() === chunkId ? answer.hex() : undefined;
}
