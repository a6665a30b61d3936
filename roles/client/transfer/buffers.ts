/**
 * Memory for chunks under way: a bounded number of bytes, whatever is transferred. Buffers are used
 * again, because a fresh four MiB a chunk keeps the collector busier than the network.
 */

export interface ChunkBuffers {
  /**
   * Waits until `sizeBytes` fit the bound; alone, even a chunk larger than the bound gets through.
   */
  take(sizeBytes: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** The buffer or a part of it. The bytes must not be touched afterwards. */
  give(buffer: Uint8Array<ArrayBuffer>): void;
}

interface Waiting {
  readonly sizeBytes: number;
  readonly resolve: (buffer: Uint8Array<ArrayBuffer>) => void;
}

/** Pooled buffers, of which together at most `bytesMost` are out. First come, first served. */
export function pooledBuffers(bytesMost: number): ChunkBuffers {
  const waiting: Waiting[] = [];
  const idle: ArrayBuffer[] = [];
  /** What each memory was handed out for: a view given back may be shorter. */
  const out = new Map<ArrayBuffer, number>();
  let outBytes = 0;

  const fits = (sizeBytes: number) => outBytes === 0 || outBytes + sizeBytes <= bytesMost;
  const hand = (sizeBytes: number): Uint8Array<ArrayBuffer> => {
    outBytes += sizeBytes;
    const i = idle.findIndex((one) => one.byteLength >= sizeBytes);
    const found = i < 0 ? undefined : idle.splice(i, 1)[0];
    if (found === undefined) idle.length = 0;
    const memory = found ?? new ArrayBuffer(sizeBytes);
    out.set(memory, sizeBytes);
    return new Uint8Array(memory, 0, sizeBytes);
  };
  const serve = () => {
    for (let next = waiting[0]; next !== undefined && fits(next.sizeBytes); next = waiting[0]) {
      waiting.shift();
      next.resolve(hand(next.sizeBytes));
    }
  };

  return {
    take(sizeBytes, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (waiting.length === 0 && fits(sizeBytes)) return Promise.resolve(hand(sizeBytes));
      return new Promise((resolve, reject) => {
        const onAbort = () => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(signal?.reason);
          serve();
        };
        const entry: Waiting = {
          sizeBytes,
          resolve: (buffer) => {
            signal?.removeEventListener("abort", onAbort);
            resolve(buffer);
          },
        };
        waiting.push(entry);
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    give(buffer) {
      outBytes -= out.get(buffer.buffer) ?? 0;
      out.delete(buffer.buffer);
      // Idle memory counts against the bound as well.
      const idleBytes = idle.reduce((sum, one) => sum + one.byteLength, 0);
      if (idleBytes + outBytes + buffer.buffer.byteLength <= bytesMost) idle.push(buffer.buffer);
      serve();
    },
  };
}

/** Each buffer new and kept by whoever receives the bytes. The caller bounds how many there are. */
export const freshBuffers: ChunkBuffers = {
  take: (sizeBytes) => Promise.resolve(new Uint8Array(sizeBytes)),
  give: () => {},
};
