/**
 * The calls of an upload other than sending bytes: open, record, commit, abandon, each in batches
 * and each safe to ask again. What the uploads of one command share stands here as `UploadContext`.
 */
import {
  asFault,
  type CommitUpload,
  type Condition,
  Fault,
  faultOf,
  limits,
  type OpenUpload,
  type RecordedChunk,
  type SeederId,
  UploadId,
  type VersionId,
} from "../../../protocol/mod.ts";
import { withDeadline } from "../../kit/clock.ts";
import { randomHex } from "../../kit/random.ts";
import type { ChunkBuffers } from "./buffers.ts";
import type { Session } from "../cluster/session.ts";
import type { FileResult, TransferObserver } from "./transfer.ts";
import { transferSettings } from "./transfer_settings.ts";
import type { KnownChunks } from "./upload_known.ts";
import type { PushRun } from "./upload_run.ts";

export interface UploadContext {
  readonly session: Session;
  readonly observer: TransferObserver;
  readonly condition: Condition;
  readonly chunkSizeBytes: number;
  readonly buffers: ChunkBuffers;
  readonly names: ReadonlyMap<SeederId, string>;
  readonly known: KnownChunks;
  /** Sends chunks one by one. */
  readonly single: PushRun;
  /** Sends small chunks in batches. */
  readonly batched: PushRun;
  readonly signal: AbortSignal;
}

export function newUploadId(context: UploadContext): UploadId {
  return UploadId.parse(randomHex(context.session.random, 32));
}

/** What an upload is told that was forgotten, or whose receipts are too old to count. */
export function isOutlived({ code }: Fault): boolean {
  return code === "upload-unknown" || code === "leave-invalid";
}

/** One result per upload: nothing, or why it cannot begin. */
export async function openUploads(
  context: UploadContext,
  uploads: readonly OpenUpload[],
): Promise<(Fault | undefined)[]> {
  const { session, signal } = context;
  if (uploads.length === 0) return [];
  const reply = await session.tracker.openUploads({ uploads: [...uploads] }, { signal });
  return uploads.map((_, i) => {
    const result = reply.results[i];
    if (result === undefined) return new Fault("internal", "the tracker left an upload out");
    return result.ok ? undefined : faultOf(result.problem);
  });
}

export type CommitOutcome =
  | {
    readonly ok: true;
    readonly versionId: VersionId;
    readonly path: string;
    readonly copies: number;
    readonly wanted: number;
    readonly kept?: VersionId | undefined;
    readonly gone?: FileResult["gone"] | undefined;
  }
  | { readonly ok: false; readonly fault: Fault; readonly missing: readonly number[] };

/** One outcome per upload. A lost reply was asked for again by the session. */
export async function commitUploads(
  context: UploadContext,
  uploads: readonly CommitUpload[],
): Promise<CommitOutcome[]> {
  const { session, signal } = context;
  if (uploads.length === 0) return [];
  const reply = await session.tracker.commitUploads({ uploads: [...uploads] }, { signal });
  return uploads.map((_, i) => {
    const result = reply.results[i];
    if (result === undefined) {
      const fault = new Fault("internal", "the tracker left an upload out");
      return { ok: false, fault, missing: [] };
    }
    if (result.ok) return result;
    return { ok: false, fault: faultOf(result.problem), missing: result.missing ?? [] };
  });
}

/** What a person is told of a file that is there now. */
export function toldOf({ versionId, copies, wanted, kept, gone }: CommitOutcome & { ok: true }) {
  return {
    ...{ versionId, copies, wanted },
    ...(kept === undefined ? {} : { kept }),
    ...(gone === undefined ? {} : { gone }),
  };
}

/** Best effort and short: what is not given up is forgotten when its lease ends. */
export async function abandonUploads(
  context: UploadContext,
  uploadIds: readonly UploadId[],
): Promise<void> {
  const { clock, tracker, log } = context.session;
  const late = () => new Fault("tracker-unreachable", "giving up was not heard in time");
  for (let from = 0; from < uploadIds.length; from += 1000) {
    const some = uploadIds.slice(from, from + 1000);
    await withDeadline(
      clock,
      transferSettings.abandonMs,
      undefined,
      late,
      (signal) => tracker.abandonUploads({ uploadIds: some }, { signal }),
    ).catch((fault) => log.debug("uploads not given up", { fault }));
  }
}

/** Tells the tracker which chunks are stored, some at a time, while the upload goes on. */
export class Recorder {
  #waiting: RecordedChunk[] = [];
  #calling: Promise<void> | undefined;
  #calledMs: number;
  #fault: Fault | undefined;

  constructor(private readonly context: UploadContext, private readonly uploadId: UploadId) {
    this.#calledMs = context.session.clock.now();
  }

  /** Throws the fault of an earlier call. */
  add(chunk: RecordedChunk): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.#waiting.push(chunk);
    const { clock } = this.context.session;
    const due = this.#waiting.length >= transferSettings.recordChunks ||
      clock.now() > this.#calledMs + transferSettings.recordIntervalMs;
    if (due && this.#calling === undefined) {
      this.#calling = this.#call().finally(() => this.#calling = undefined);
    }
  }

  /** What was not recorded, for the commit to carry. Throws the fault of an earlier call. */
  async rest(): Promise<RecordedChunk[]> {
    while (this.#calling !== undefined) await this.#calling;
    while (this.#waiting.length > limits.batchItemsMax) await this.#call();
    if (this.#fault !== undefined) throw this.#fault;
    return this.#waiting.splice(0);
  }

  async #call(): Promise<void> {
    const { session, signal } = this.context;
    const some = this.#waiting.splice(0, limits.batchItemsMax);
    const chunks = some.map((chunk) => ({ ...chunk, uploadId: this.uploadId }));
    this.#calledMs = session.clock.now();
    try {
      const reply = await session.tracker.recordChunks({ chunks }, { signal });
      for (const result of reply.results) {
        if (result.ok) continue;
        const fault = faultOf(result.problem);
        // What may succeed later is left to the commit, which names the chunks to send again.
        if (fault.retry === "never") this.#fault ??= fault;
      }
    } catch (error) {
      this.#fault ??= asFault(error);
    }
  }
}
