/**
 * The chunk store of one seeder. `tests/conformance/chunk_store_suite.ts` is run over every engine.
 *
 * Contract:
 * - When `put` or `putMany` resolves for a chunk, it is durable and its bytes had the SHA-256 of
 *   its id; when it throws, nothing is left behind that a later `read` or `list` would show.
 * - Putting a chunk that is there reads its source to the end, checks it, and changes nothing, but
 *   where the copy that is there turns out to be damaged, or cannot be read: then the bytes that
 *   come take its place.
 * - A chunk once put is listed, readable and counted until it is dropped or lost. Whoever meets the
 *   loss, `watch` tells of it: other bytes (`corrupt`), no bytes any more (`gone`), or a copy that
 *   could not be read twice, some time apart (`unreadable`). The last stays where it is: it is
 *   `doubtful`, can be tried again, and is held again when it reads well.
 * - Chunks of a person's files may be held in place (`adopted_files.ts`). They are listed, readable
 *   and counted like others, are told apart by `isStored`, and a put of one stores a copy. Dropping
 *   takes the store's own copy first; where there is none, the place is forgotten and the file
 *   stays.
 * - `disk-full` is thrown before the reserve is touched; reading, listing and dropping go on.
 */
import type { ChunkId, Fault, HeldChunk, Loss, Space } from "../../../protocol/mod.ts";

export type PutResult = "stored" | "present";

export interface StoredChunk {
  readonly sizeBytes: number;
  /** The bytes asked for. A stream that is not wanted must be cancelled. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>;
}

export type Verdict = "good" | "corrupt" | "absent";

export interface LostCopy {
  readonly chunkId: ChunkId;
  readonly why: Loss;
}

/** Copies whose latest reading failed. */
export interface Doubtful {
  /** To be read again now. */
  readonly due: readonly ChunkId[];
  /** Failed once only: they are held still. */
  readonly undecided: readonly ChunkId[];
  /** They are not held any more. */
  readonly unreadable: readonly ChunkId[];
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

  /** The size of a chunk that is here and may be tried to be read, from memory. */
  sizeOf(chunkId: ChunkId): number | undefined;

  /** Whether it is listed, from memory. */
  holds(chunkId: ChunkId): boolean;

  /** Whether a copy of the store's own is held, from memory: only for such receipts are given. */
  isStored(chunkId: ChunkId): boolean;

  /**
   * The bytes from `start` to `end`, end excluded; the whole chunk without a range. One that is not
   * held for it could not be read is verified first.
   * @throws Fault `chunk-not-found`, `disk-failed`
   */
  read(chunkId: ChunkId, range?: { start: number; end: number }): Promise<StoredChunk>;

  /**
   * Reads the chunk again. A corrupt one is set aside where no read or list sees it.
   * @throws Fault `disk-failed` when the disk could not tell
   */
  verify(chunkId: ChunkId): Promise<Verdict>;

  doubtful(): Doubtful;

  /** Calls `listener` for every copy that is lost from now on. It must not throw. */
  watch(listener: (lost: LostCopy) => void): void;

  /** Whether it was there. */
  drop(chunkId: ChunkId): Promise<boolean>;

  /** In ascending order of id, above `after`. */
  list(after: ChunkId | undefined, limit: number): Promise<HeldChunk[]>;

  /** From memory. `digest` as `InventoryDigest` of the protocol. */
  summary(): { readonly chunkCount: number; readonly usedBytes: number; readonly digest: string };

  space(): Promise<Space>;

  close(): Promise<void>;
}
