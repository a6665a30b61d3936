/** Uploads. */
import { type Condition, Fault, type RemotePath } from "../../protocol/mod.ts";
import type { Session } from "./session.ts";
import type { FileResult, TransferObserver } from "./transfer.ts";

export type { FileResult, TransferObserver } from "./transfer.ts";

export interface UploadSource {
  readonly path: RemotePath;
  readonly content:
    | { readonly kind: "file"; readonly localPath: string; readonly sizeBytes: number }
    | { readonly kind: "stream"; readonly stream: ReadableStream<Uint8Array<ArrayBuffer>> };
  readonly modifiedMs: number;
  readonly mode: number;
}

export interface UploadOptions {
  readonly condition: Condition;
  readonly signal?: AbortSignal;
  readonly observer: TransferObserver;
  readonly chunkSizeBytes?: number;
}

export function uploadFiles(
  _session: Session,
  _sources: AsyncIterable<UploadSource> | Iterable<UploadSource>,
  _options: UploadOptions,
): AsyncIterable<FileResult> {
  throw new Fault("internal", "being written");
}
