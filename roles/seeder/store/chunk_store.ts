/**
 * The chunk store of one seeder. `tests/conformance/chunk_store_suite.ts` is run over every engine.
 *
 * Contract:
 * - When `put` or `putMany` resolves for a chunk, it is durable and its bytes had the SHA-256 of
 * its
 *   id; when it throws, nothing is left behind that a later `read` or `list` would show.
 * - Putting a chunk that is there reads its source to the end, checks it, and changes nothing, but
 *   where the copy that is there turns out to be damaged: then the bytes that come take its place.
 * - A chunk once put is listed, readable and counted until it is dropped or found corrupt.
 * - Chunks of a person's files may be held in place (`adopted_files.ts`). They are listed, readable
 *   and counted like others, are told apart by `isStored`, and a put of one stores a copy. Dropping
 *   takes the store's own copy first; where there is none, the place is forgotten and the file
 *   stays.
 * - `disk-full` is thrown before the reserve is touched; reading, listing and dropping go on.
 */
import type { ChunkId, Fault, HeldChunk, Space } from "../../../protocol/mod.ts";

export type PutResult = "stored" | "present";

export interface StoredChunk {
  readonly sizeBytes: number;
  /** The bytes asked for. A stream that is not wanted must be cancelled. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>;
}

export interface ChunkStore {
  /**
   * Takes the bytes of one chunk.
   * @throws Fault `digest-mismatch`, `size-mismatch` (more bytes than declared), `truncated-body`
   *   (fewer), `disk-full`, `disk-failed`; whatever the source throws is passed on
   */
  put(
    chunkId: ChunkId,
    sizeBytes: number,
    source: AsyncIterable<Uint8Array<ArrayBuffer>>,
  ): Promise<PutResult>;

  /**
   * Many small chunks with one sync for all. One result each, in order; one bad chunk spoils no
   * other.
   */
  putMany(
    items: readonly { readonly chunkId: ChunkId; readonly bytes: Uint8Array<ArrayBuffer> }[],
  ): Promise<(PutResult | Fault)[]>;

  /** The size of a chunk that is here, from memory. */
  sizeOf(chunkId: ChunkId): number | undefined;

  /** Whether there is a copy of the store's own, from memory: only for such receipts are given. */
  isStored(chunkId: ChunkId): boolean;

  /**
   * The bytes from `start` to `end`, end excluded; the whole chunk without a range.
   * @throws Fault `chunk-not-found`, `disk-failed`
   */
  read(chunkId: ChunkId, range?: { start: number; end: number }): Promise<StoredChunk>;

  /** Reads the chunk again. A corrupt one is set aside where no read or list sees it. */
  verify(chunkId: ChunkId): Promise<"good" | "corrupt" | "absent">;

  /** Whether it was there. */
  drop(chunkId: ChunkId): Promise<boolean>;

  /** In ascending order of id, above `after`. */
  list(after: ChunkId | undefined, limit: number): Promise<HeldChunk[]>;

  /** From memory. `digest` as `InventoryDigest` of the protocol. */
  summary(): { readonly chunkCount: number; readonly usedBytes: number; readonly digest: string };

  space(): Promise<Space>;

  close(): Promise<void>;
}
