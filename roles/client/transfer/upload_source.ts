/**
 * Reading what is uploaded: a local file chunk by chunk, watched for change, or a stream of unknown
 * length cut into chunks.
 */
import { chunkBytesAt, chunkCountOf, Fault, type RemotePath } from "../../../protocol/mod.ts";
import { type Disk, type DiskFile, type DiskStat, isSameFile } from "../../kit/disk.ts";
import type { ChunkBuffers } from "./buffers.ts";
import { localFault } from "./local_names.ts";

/** One file to be sent. */
export interface UploadSource {
  readonly path: RemotePath;
  readonly content:
    | { readonly kind: "file"; readonly localPath: string; readonly sizeBytes: number }
    | { readonly kind: "stream"; readonly stream: ReadableStream<Uint8Array<ArrayBuffer>> };
  readonly modifiedMs: number;
  /** Unix permission bits. */
  readonly mode: number;
}

/** The bytes of one chunk in a pooled buffer; whoever gets it gives it back. */
export interface ReadChunk {
  readonly index: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface ChunkReader {
  /** Absent when only the end will tell. */
  readonly sizeBytes: number | undefined;
  /** Chunks in order. */
  chunks(buffers: ChunkBuffers, signal: AbortSignal): AsyncGenerator<ReadChunk>;
  /** One chunk again; undefined where the source runs only once. */
  again(index: number, buffers: ChunkBuffers, signal: AbortSignal): Promise<ReadChunk> | undefined;
  /** Throws `local-failed` when the source changed while it was read. */
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** What stands at `localPath`, a link followed. Throws `local-not-found`, `is-a-directory`. */
async function fileStat(disk: Disk, localPath: string): Promise<{ path: string; stat: DiskStat }> {
  const found = await disk.stat(localPath);
  const path = found?.kind === "link" ? await disk.realPath(localPath) : localPath;
  const stat = path === localPath ? found : await disk.stat(path);
  if (stat === undefined) throw new Fault("local-not-found", `there is no ${localPath}`);
  if (stat.kind === "directory") throw new Fault("is-a-directory", `${localPath} is a directory`);
  if (stat.kind !== "file") throw new Fault("local-failed", `${localPath} is not a regular file`);
  return { path, stat };
}

function changed(localPath: string, how: string): Fault {
  return new Fault("local-failed", `${localPath} changed while it was uploaded: ${how}`, {
    next: "run the command again when nobody writes to it",
  });
}

class FileReader implements ChunkReader {
  constructor(
    private readonly disk: Disk,
    private readonly localPath: string,
    private readonly path: string,
    private readonly before: DiskStat,
    private readonly file: DiskFile,
    private readonly chunkSizeBytes: number,
  ) {}

  get sizeBytes(): number {
    return this.before.sizeBytes;
  }

  async *chunks(buffers: ChunkBuffers, signal: AbortSignal): AsyncGenerator<ReadChunk> {
    const count = chunkCountOf(this.sizeBytes, this.chunkSizeBytes);
    for (let index = 0; index < count; index++) yield await this.again(index, buffers, signal);
  }

  async again(index: number, buffers: ChunkBuffers, signal: AbortSignal): Promise<ReadChunk> {
    const sizeBytes = chunkBytesAt(index, this.sizeBytes, this.chunkSizeBytes);
    const bytes = await buffers.take(sizeBytes, signal);
    try {
      const offset = index * this.chunkSizeBytes;
      const count = await localFault(() => this.file.read(bytes, offset));
      if (count < sizeBytes) throw changed(this.localPath, `it ends at ${offset + count} bytes`);
      return { index, bytes };
    } catch (error) {
      buffers.give(bytes);
      throw error;
    }
  }

  async checkUnchanged(): Promise<void> {
    const named = await this.disk.stat(this.path);
    if (named === undefined) throw changed(this.localPath, "it is gone");
    const after = await this.file.stat();
    if (!isSameFile(named, after)) throw changed(this.localPath, "another took its place");
    if (after.sizeBytes !== this.before.sizeBytes) {
      throw changed(
        this.localPath,
        `it had ${this.before.sizeBytes} bytes and has ${after.sizeBytes}`,
      );
    }
    if (after.modifiedMs !== this.before.modifiedMs) {
      throw changed(this.localPath, "its time of modification is another");
    }
  }

  close(): Promise<void> {
    this.file.close();
    return Promise.resolve();
  }
}

export async function openFileReader(
  disk: Disk,
  localPath: string,
  chunkSizeBytes: number,
): Promise<ChunkReader> {
  return await localFault(async () => {
    const { path, stat } = await fileStat(disk, localPath);
    if (stat.sizeBytes === 0) {
      const unsized = await openUnsized(disk, path, chunkSizeBytes);
      if (unsized !== undefined) return unsized;
    }
    const file = await disk.open(path, "read");
    if (isSameFile(await file.stat(), stat)) {
      return new FileReader(disk, localPath, path, stat, file, chunkSizeBytes);
    }
    file.close();
    throw changed(localPath, "another took its place");
  });
}

/**
 * A file whose size says 0 may still have bytes, as those of /proc have, and only its end tells how
 * many. Undefined when it is empty.
 */
async function openUnsized(
  disk: Disk,
  path: string,
  chunkSizeBytes: number,
): Promise<ChunkReader | undefined> {
  const reader = (await disk.stream(path, 0, Number.MAX_SAFE_INTEGER)).getReader();
  const first = await reader.read();
  if (first.done) return undefined;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(first.value),
    async pull(controller) {
      const part = await reader.read();
      if (part.done) controller.close();
      else controller.enqueue(part.value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return openStreamReader(stream, chunkSizeBytes);
}

/** Chunks of `chunkSizeBytes` from a stream; only the last is smaller. It can be read once. */
export function openStreamReader(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  chunkSizeBytes: number,
): ChunkReader {
  const reader = stream.getReader();
  return {
    sizeBytes: undefined,
    async *chunks(buffers, signal) {
      const onAbort = () => void reader.cancel(signal.reason).catch(() => {});
      signal.addEventListener("abort", onAbort, { once: true });
      let rest: Uint8Array<ArrayBuffer> = new Uint8Array();
      let ended = false;
      for (let index = 0; !ended; index++) {
        const buffer = await buffers.take(chunkSizeBytes, signal);
        let filled = 0;
        try {
          while (filled < buffer.length) {
            if (rest.length === 0) {
              const part = await reader.read();
              if (signal.aborted) throw signal.reason;
              ended = part.done;
              if (part.done) break;
              rest = part.value;
            }
            const taken = rest.subarray(0, buffer.length - filled);
            buffer.set(taken, filled);
            filled += taken.length;
            rest = rest.subarray(taken.length);
          }
        } catch (cause) {
          buffers.give(buffer);
          if (signal.aborted || cause instanceof Fault) throw cause;
          const why = cause instanceof Error ? cause.message : String(cause);
          throw new Fault("local-failed", `the input could not be read: ${why}`, { cause });
        }
        if (filled === 0) buffers.give(buffer);
        else yield { index, bytes: buffer.subarray(0, filled) };
      }
      signal.removeEventListener("abort", onAbort);
    },
    again: () => undefined,
    checkUnchanged: () => Promise.resolve(),
    close: () => reader.cancel().catch(() => {}),
  };
}
