/**
 * One upload of any size: opened, read chunk by chunk with several on their way at once, recorded
 * as they settle, committed with the digest of the manifest. Only the window of chunks is in
 * memory. Whatever goes wrong before the commit leaves nothing visible.
 */
import {
  asFault,
  chunkIdOf,
  type CommitUpload,
  Fault,
  type RecordedChunk,
  startManifestDigest,
  type UploadId,
} from "../../../protocol/mod.ts";
import { interrupted } from "../cluster/interruption.ts";
import type { FileResult } from "./transfer.ts";
import { transferSettings } from "./transfer_settings.ts";
import type { UploadSource } from "./upload_source.ts";
import {
  type ChunkReader,
  openFileReader,
  openStreamReader,
  type ReadChunk,
} from "./upload_source.ts";
import {
  abandonUploads,
  commitUploads,
  isOutlived,
  newUploadId,
  openUploads,
  Recorder,
  toldOf,
  type UploadContext,
} from "./upload_steps.ts";

/**
 * Always a result; a failure is a result with its fault. An upload that the tracker does not know
 * any more, or whose receipts it takes no more, begins again: this client slept too long, or the
 * tracker was rebuilt. What is stored already is not sent again.
 */
export async function uploadFile(
  context: UploadContext,
  source: UploadSource,
): Promise<FileResult> {
  for (let attempt = 1;; attempt++) {
    const result = await uploadOnce(context, source, attempt > 1);
    const { fault } = result;
    const again = fault !== undefined && isOutlived(fault) && source.content.kind === "file" &&
      attempt < transferSettings.commitsMost && !context.signal.aborted;
    if (!again) return result;
    context.observer.note(`${source.path}: beginning again (${fault.message})`);
  }
}

async function uploadOnce(
  context: UploadContext,
  source: UploadSource,
  again: boolean,
): Promise<FileResult> {
  const told = source.content.kind === "file" ? source.content.sizeBytes : 0;
  let reader: ChunkReader | undefined;
  try {
    const { chunkSizeBytes } = context;
    const { content } = source;
    reader = content.kind === "file"
      ? await openFileReader(context.session.disk, content.localPath, chunkSizeBytes)
      : openStreamReader(content.stream, chunkSizeBytes);
    return await new FileUpload(context, source, reader, again).toEnd();
  } catch (error) {
    const fault = context.signal.aborted ? interrupted(context.signal) : asFault(error);
    return { path: source.path, sizeBytes: told, fault };
  } finally {
    await reader?.close();
  }
}

class FileUpload {
  readonly #uploadId: UploadId;
  readonly #recorder: Recorder;
  #sizeBytes = 0;
  #bytesMoved = 0;

  constructor(
    private readonly context: UploadContext,
    private readonly source: UploadSource,
    private readonly reader: ChunkReader,
    /** Not the first attempt: nothing that was stored or counted before is trusted. */
    private readonly again: boolean,
  ) {
    this.#uploadId = newUploadId(context);
    this.#recorder = new Recorder(context, this.#uploadId);
  }

  async toEnd(): Promise<FileResult> {
    const { context, source, reader } = this;
    const [refusal] = await openUploads(context, [{
      uploadId: this.#uploadId,
      path: source.path,
      condition: context.condition,
      chunkSizeBytes: context.chunkSizeBytes,
      ...(reader.sizeBytes === undefined ? {} : { sizeBytes: reader.sizeBytes }),
      modifiedMs: source.modifiedMs,
      mode: source.mode,
    }]);
    if (refusal !== undefined) throw refusal;
    try {
      const manifestDigest = await this.#sendAll();
      await reader.checkUnchanged();
      return await this.#commit(manifestDigest);
    } catch (error) {
      await abandonUploads(context, [this.#uploadId]);
      throw error;
    }
  }

  /** Resolves with the digest of the manifest when every chunk is settled. */
  async #sendAll(): Promise<string> {
    const { context, reader } = this;
    const digest = startManifestDigest(context.chunkSizeBytes);
    const sending = new Set<Promise<void>>();
    let failure: Fault | undefined;
    try {
      for await (const chunk of reader.chunks(context.buffers, context.signal)) {
        if (failure !== undefined) {
          context.buffers.give(chunk.bytes);
          break;
        }
        const entry = { chunkId: chunkIdOf(chunk.bytes), sizeBytes: chunk.bytes.length };
        digest.add(entry);
        this.#sizeBytes += entry.sizeBytes;
        if (reader.sizeBytes === undefined) context.observer.expect(entry.sizeBytes);
        const sent: Promise<void> = this.#send(chunk, entry, this.again)
          .catch((error) => void (failure ??= asFault(error)))
          .finally(() => sending.delete(sent));
        sending.add(sent);
      }
    } finally {
      while (sending.size > 0) await Promise.all(sending);
    }
    if (failure !== undefined) throw failure;
    return digest.hex();
  }

  /** Sends the chunk, gives its buffer back, and has it recorded. */
  async #send(
    chunk: ReadChunk,
    entry: Pick<RecordedChunk, "chunkId" | "sizeBytes">,
    anew: boolean,
  ): Promise<void> {
    const { context } = this;
    const push = { uploadId: this.#uploadId, entry, bytes: chunk.bytes };
    try {
      const settled = anew
        ? await context.single.push(push)
        : await context.known.push(context.single, push);
      if (settled.through !== undefined) this.#bytesMoved += entry.sizeBytes;
      if (!anew) context.observer.advance(entry.sizeBytes, settled.through);
      this.#recorder.add({ ...entry, index: chunk.index, receipts: [...settled.receipts] });
    } finally {
      context.buffers.give(chunk.bytes);
    }
  }

  async #commit(manifestDigest: string): Promise<FileResult> {
    const { context, source } = this;
    for (let attempt = 1;; attempt++) {
      const commit: CommitUpload = {
        uploadId: this.#uploadId,
        sizeBytes: this.#sizeBytes,
        manifestDigest,
        chunks: await this.#recorder.rest(),
      };
      const [outcome] = await commitUploads(context, [commit]);
      if (outcome === undefined) throw new Fault("internal", "the commit has no outcome");
      if (outcome.ok) {
        const told = {
          path: source.path,
          sizeBytes: this.#sizeBytes,
          bytesMoved: this.#bytesMoved,
        };
        return { ...told, ...toldOf(outcome) };
      }
      const { fault, missing } = outcome;
      const hopeless = fault.code !== "copies-missing" || missing.length === 0;
      if (hopeless || attempt === transferSettings.commitsMost) throw fault;
      await this.#sendAgain(missing, fault);
    }
  }

  /** Chunks that lost their copies between being stored and the commit. */
  async #sendAgain(missing: readonly number[], fault: Fault): Promise<void> {
    const { context, reader, source } = this;
    context.observer.note(`${source.path}: sending ${missing.length} chunks again`);
    for (const index of missing) {
      const read = reader.again(index, context.buffers, context.signal);
      if (read === undefined) {
        throw new Fault(fault.code, `${fault.message}; a stream cannot be read again`, {
          cause: fault,
          next: "run the command again",
        });
      }
      const chunk = await read;
      const entry = { chunkId: chunkIdOf(chunk.bytes), sizeBytes: chunk.bytes.length };
      await this.#send(chunk, entry, true);
    }
  }
}
