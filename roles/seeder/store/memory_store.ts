/**
 * The chunk store without a disk: for tests and for the simulated world. Nothing in it outlives the
 * process.
 */
import {
  asFault,
  type ChunkId,
  chunkIdOf,
  Fault,
  type HeldChunk,
  type Space,
} from "../../../protocol/mod.ts";
import { checkDigest, checkedBytes } from "./checked_source.ts";
import { ChunkIndex } from "./chunk_index.ts";
import type { ChunkStore, LostCopy, PutResult, StoredChunk } from "./chunk_store.ts";

interface Kept {
  readonly sizeBytes: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface MemoryStoreParts {
  /** What it pretends to have room for. */
  readonly totalBytes?: number;
}

export interface MemoryStore extends ChunkStore {
  /** Flips one bit of a chunk that is held, as a failing disk would. */
  damage(chunkId: ChunkId): void;
}

export function openMemoryStore(parts: MemoryStoreParts = {}): MemoryStore {
  const totalBytes = parts.totalBytes ?? 2 ** 40;
  const index = new ChunkIndex<Kept>();
  const listeners: ((lost: LostCopy) => void)[] = [];
  let coming = 0;

  function lose(chunkId: ChunkId): void {
    index.delete(chunkId);
    for (const listener of listeners) listener({ chunkId, why: "corrupt" });
  }

  function freeBytes(): number {
    return Math.max(0, totalBytes - index.summary().usedBytes - coming);
  }

  /** As the disk store does before it says that a chunk is there: a damaged copy goes. */
  function isGood(chunkId: ChunkId): boolean {
    const kept = index.get(chunkId);
    if (kept === undefined) return false;
    if (chunkIdOf(kept.bytes) === chunkId) return true;
    lose(chunkId);
    return false;
  }

  async function put(
    chunkId: ChunkId,
    sizeBytes: number,
    source: AsyncIterable<Uint8Array<ArrayBuffer>>,
  ): Promise<PutResult> {
    const reserved = isGood(chunkId) ? 0 : sizeBytes;
    if (reserved > freeBytes()) throw full(sizeBytes, freeBytes());
    coming += reserved;
    try {
      const bytes = await checkedBytes(chunkId, sizeBytes, source);
      if (index.get(chunkId) !== undefined) return "present";
      index.set(chunkId, { sizeBytes, bytes });
      return "stored";
    } finally {
      coming -= reserved;
    }
  }

  function putOne(chunkId: ChunkId, bytes: Uint8Array<ArrayBuffer>): PutResult {
    checkDigest(chunkId, chunkIdOf(bytes));
    if (isGood(chunkId)) return "present";
    if (bytes.length > freeBytes()) throw full(bytes.length, freeBytes());
    index.set(chunkId, { sizeBytes: bytes.length, bytes: bytes.slice() });
    return "stored";
  }

  return {
    put,
    putMany: (items) =>
      Promise.resolve(items.map(({ chunkId, bytes }) => {
        try {
          return putOne(chunkId, bytes);
        } catch (error) {
          return asFault(error);
        }
      })),
    sizeOf: (chunkId) => index.sizeOf(chunkId),
    isStored: (chunkId) => index.get(chunkId) !== undefined,
    holds: (chunkId) => index.holds(chunkId),
    doubtful: () => ({ due: [], undecided: [], unreadable: [] }),
    watch: (listener) => void listeners.push(listener),
    read: (chunkId, range): Promise<StoredChunk> => {
      const kept = index.get(chunkId);
      if (kept === undefined) return Promise.reject(notHere(chunkId));
      const body = range === undefined
        ? kept.bytes.slice()
        : kept.bytes.slice(range.start, range.end);
      return Promise.resolve({ sizeBytes: kept.sizeBytes, body });
    },
    verify: (chunkId) => {
      const kept = index.get(chunkId);
      if (kept === undefined) return Promise.resolve("absent");
      if (chunkIdOf(kept.bytes) === chunkId) return Promise.resolve("good");
      lose(chunkId);
      return Promise.resolve("corrupt");
    },
    drop: (chunkId) => Promise.resolve(index.delete(chunkId)),
    list: (after, limit): Promise<HeldChunk[]> => Promise.resolve(index.page(after, limit)),
    summary: () => index.summary(),
    space: (): Promise<Space> =>
      Promise.resolve({
        totalBytes,
        freeBytes: freeBytes(),
        usedBytes: index.summary().usedBytes,
      }),
    close: () => Promise.resolve(),
    damage: (chunkId) => {
      const kept = index.get(chunkId);
      if (kept !== undefined) kept.bytes[0] = (kept.bytes[0] ?? 0) ^ 1;
    },
  };
}

export function full(sizeBytes: number, freeBytes: number): Fault {
  return new Fault("disk-full", `${sizeBytes} bytes do not fit into the ${freeBytes} left`);
}

export function notHere(chunkId: ChunkId): Fault {
  return new Fault("chunk-not-found", `chunk ${chunkId.slice(0, 12)} is not on this seeder`);
}
