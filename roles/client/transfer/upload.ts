/**
 * Uploads: takes files one after the other from a source that may be endless, sends small ones in
 * batches and large ones chunk by chunk, and tells of each when it is done. A file that fails
 * becomes a result with its fault, and the others go on. Resuming needs nothing of its own: the
 * tracker says which chunks are held already, and these are not sent.
 */
import { type Condition, Fault, limits, type SeederId } from "../../../protocol/mod.ts";
import { pooledBuffers } from "./buffers.ts";
import { interrupted, linkedController } from "../cluster/interruption.ts";
import { Lane, produced, type ResultQueue } from "./lanes.ts";
import type { Session } from "../cluster/session.ts";
import type { FileResult, TransferObserver } from "./transfer.ts";
import { transferSettings } from "./transfer_settings.ts";
import { uploadBatch } from "./upload_batch.ts";
import { uploadFile } from "./upload_file.ts";
import { KnownChunks } from "./upload_known.ts";
import { PushRun } from "./upload_run.ts";
import type { UploadSource } from "./upload_source.ts";
import type { UploadContext } from "./upload_steps.ts";

export type { FileResult, TransferObserver } from "./transfer.ts";
export type { UploadSource } from "./upload_source.ts";

export interface UploadOptions {
  readonly condition: Condition;
  readonly signal?: AbortSignal;
  readonly observer: TransferObserver;
  readonly chunkSizeBytes?: number;
}

/**
 * One result per source, in the order they are done. Parent directories must be there. Throws
 * `interrupted` when the signal fires; what was not committed is not visible.
 */
export async function* uploadFiles(
  session: Session,
  sources: AsyncIterable<UploadSource> | Iterable<UploadSource>,
  options: UploadOptions,
): AsyncGenerator<FileResult> {
  const { controller, release } = linkedController(options.signal);
  try {
    yield* produced<FileResult>(controller, async (queue, signal) => {
      await uploadAll(session, sources, options, queue, signal);
      if (signal.aborted) throw interrupted(signal);
    });
  } finally {
    release();
  }
}

async function uploadAll(
  session: Session,
  sources: AsyncIterable<UploadSource> | Iterable<UploadSource>,
  options: UploadOptions,
  queue: ResultQueue<FileResult>,
  signal: AbortSignal,
): Promise<void> {
  const names = new Map<SeederId, string>();
  const learner = linkedController(signal);
  const learning = learnNames(session, names, learner.controller.signal);
  const context = contextOf(session, options, names, signal);
  const large = new Lane(transferSettings.largeFilesAtOnce);
  const small = new Lane(transferSettings.batchesAtOnce);
  const push = (result: FileResult) => void queue.push(result);
  let batch: UploadSource[] = [];
  let batchBytes = 0;
  const startBatch = async () => {
    const full = batch;
    batch = [];
    batchBytes = 0;
    if (full.length > 0) await small.start(() => uploadBatch(context, full, push));
  };
  try {
    for await (const source of sources) {
      if (signal.aborted) break;
      const { content } = source;
      if (content.kind === "file") options.observer.expect(content.sizeBytes);
      if (content.kind === "stream" || content.sizeBytes >= limits.packedChunkBytesMax) {
        await large.start(async () => push(await uploadFile(context, source)));
        continue;
      }
      if (batchBytes + content.sizeBytes > transferSettings.batchBytes) await startBatch();
      batch.push(source);
      batchBytes += content.sizeBytes;
      if (batch.length === transferSettings.batchFiles) await startBatch();
    }
    if (!signal.aborted) await startBatch();
  } finally {
    await small.settled();
    await large.settled();
    await context.single.settled();
    await context.batched.settled();
    learner.controller.abort(new Fault("interrupted", "not needed any more"));
    learner.release();
    await learning;
  }
}

function contextOf(
  session: Session,
  options: UploadOptions,
  names: ReadonlyMap<SeederId, string>,
  signal: AbortSignal,
): UploadContext {
  const { observer, condition } = options;
  const settings = transferSettings;
  const run = { session, observer, names, signal };
  // Small chunks wait for each other's sync, so many go at once; memory is bounded by the batches.
  const many = { ...settings, chunksInFlight: settings.batchesAtOnce * settings.batchFiles };
  return {
    session,
    observer,
    condition,
    chunkSizeBytes: options.chunkSizeBytes ?? limits.chunkBytesDefault,
    buffers: pooledBuffers(settings.bufferBytesMost),
    names,
    known: new KnownChunks(session.clock),
    single: new PushRun({ ...run, settings, batched: false }),
    batched: new PushRun({ ...run, settings: many, batched: true }),
    signal,
  };
}

/** Places name seeders by id; people know them by name. Uploading does not depend on it. */
async function learnNames(
  session: Session,
  names: Map<SeederId, string>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const status = await session.tracker.status({}, { signal });
    for (const { seederId, name } of status.seeders) names.set(seederId, name);
  } catch (fault) {
    session.log.debug("the names of the seeders are not known", { fault });
  }
}
