/**
 * Many small files in a handful of calls: all are opened in one, placed in one, sent in one body to
 * each seeder, and committed in one. A file that fails becomes a result of its own and holds up no
 * other; one whose copies went missing, or that was forgotten, is sent again alone.
 */
import {
  asFault,
  type ChunkEntry,
  chunkIdOf,
  type CommitUpload,
  Fault,
  limits,
  type OpenUpload,
  startManifestDigest,
  type UploadId,
} from "../../../protocol/mod.ts";
import { freshBuffers } from "./buffers.ts";
import { interrupted } from "../cluster/interruption.ts";
import type { FileResult } from "./transfer.ts";
import type { UploadSource } from "./upload_source.ts";
import { uploadFile } from "./upload_file.ts";
import { openFileReader } from "./upload_source.ts";
import {
  abandonUploads,
  commitUploads,
  isOutlived,
  newUploadId,
  openUploads,
  toldOf,
  type UploadContext,
} from "./upload_steps.ts";

/** A small file in memory, on its way. */
interface SmallFile {
  readonly source: UploadSource;
  readonly uploadId: UploadId;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** None for an empty file. */
  readonly entry: ChunkEntry | undefined;
}

/** One result for each source, pushed as soon as it is known. Never throws. */
export async function uploadBatch(
  context: UploadContext,
  sources: readonly UploadSource[],
  push: (result: FileResult) => void,
): Promise<void> {
  const fail = (source: UploadSource, error: unknown) => {
    if (!context.signal.aborted && isOutlived(asFault(error))) return void alone.push(source);
    const { content } = source;
    const sizeBytes = content.kind === "file" ? content.sizeBytes : 0;
    const fault = context.signal.aborted ? interrupted(context.signal) : asFault(error);
    push({ path: source.path, sizeBytes, fault });
  };
  const files: SmallFile[] = [];
  const alone: UploadSource[] = [];
  for (const source of sources) {
    try {
      const file = await readSmall(context, source);
      if (file === undefined) alone.push(source);
      else files.push(file);
    } catch (error) {
      fail(source, error);
    }
  }
  const pending = new Set(files);
  const begun: UploadId[] = [];
  try {
    const refusals = await openUploads(context, files.map((file) => openingOf(context, file)));
    for (const [i, file] of files.entries()) {
      const refusal = refusals[i];
      if (refusal === undefined) begun.push(file.uploadId);
      else {
        pending.delete(file);
        fail(file.source, refusal);
      }
    }
    const commits = await sendAll(context, [...pending], (file, error) => {
      pending.delete(file);
      fail(file.source, error);
    });
    const outcomes = await commitUploads(context, commits.map((one) => one.commit));
    for (const [i, { file, bytesMoved }] of commits.entries()) {
      const outcome = outcomes[i];
      pending.delete(file);
      if (outcome?.ok) {
        begun.splice(begun.indexOf(file.uploadId), 1);
        const told = { path: file.source.path, sizeBytes: file.bytes.length, bytesMoved };
        push({ ...told, ...toldOf(outcome) });
      } else if (outcome?.fault.code === "copies-missing") alone.push(file.source);
      else fail(file.source, outcome?.fault ?? new Fault("internal", "no outcome of the commit"));
    }
  } catch (error) {
    for (const file of pending) fail(file.source, error);
  } finally {
    await abandonUploads(context, begun);
  }
  for (const source of alone) push(await uploadFile(context, source));
}

/** Undefined when the file has grown out of being small since it was listed. */
async function readSmall(
  context: UploadContext,
  source: UploadSource,
): Promise<SmallFile | undefined> {
  const { content } = source;
  if (content.kind === "stream") throw new Fault("internal", "a stream is not a small file");
  const reader = await openFileReader(
    context.session.disk,
    content.localPath,
    context.chunkSizeBytes,
  );
  try {
    let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
    const isSmall = reader.sizeBytes !== undefined && reader.sizeBytes < limits.packedChunkBytesMax;
    if (!isSmall) return undefined;
    for await (const chunk of reader.chunks(freshBuffers, context.signal)) bytes = chunk.bytes;
    await reader.checkUnchanged();
    const entry = bytes.length === 0
      ? undefined
      : { chunkId: chunkIdOf(bytes), sizeBytes: bytes.length };
    return { source, uploadId: newUploadId(context), bytes, entry };
  } finally {
    await reader.close();
  }
}

function openingOf(context: UploadContext, file: SmallFile): OpenUpload {
  const { path, modifiedMs, mode } = file.source;
  return {
    uploadId: file.uploadId,
    path,
    condition: context.condition,
    chunkSizeBytes: context.chunkSizeBytes,
    sizeBytes: file.bytes.length,
    modifiedMs,
    mode,
  };
}

interface ReadyCommit {
  readonly file: SmallFile;
  readonly commit: CommitUpload;
  readonly bytesMoved: number;
}

/** Sends the chunks of all files at once; what is returned is ready to be committed. */
async function sendAll(
  context: UploadContext,
  files: readonly SmallFile[],
  fail: (file: SmallFile, error: unknown) => void,
): Promise<ReadyCommit[]> {
  const sent = await Promise.all(files.map(async (file) => {
    try {
      return await sendOne(context, file);
    } catch (error) {
      fail(file, error);
      return undefined;
    }
  }));
  return sent.filter((one) => one !== undefined);
}

async function sendOne(context: UploadContext, file: SmallFile): Promise<ReadyCommit> {
  const { uploadId, entry, bytes } = file;
  const digest = startManifestDigest(context.chunkSizeBytes);
  const commit = { uploadId, sizeBytes: bytes.length };
  if (entry === undefined) {
    return { file, commit: { ...commit, manifestDigest: digest.hex(), chunks: [] }, bytesMoved: 0 };
  }
  digest.add(entry);
  const settled = await context.known.push(context.batched, { uploadId, entry, bytes });
  context.observer.advance(entry.sizeBytes, settled.through);
  const chunks = [{ ...entry, index: 0, receipts: [...settled.receipts] }];
  const bytesMoved = settled.through === undefined ? 0 : entry.sizeBytes;
  return { file, commit: { ...commit, manifestDigest: digest.hex(), chunks }, bytesMoved };
}
