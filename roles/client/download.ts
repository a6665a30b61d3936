/** Downloads. */
import { Fault, type Target } from "../../protocol/mod.ts";
import type { Session } from "./session.ts";
import type { FileResult, TransferObserver } from "./transfer.ts";

export interface DownloadWanted {
  readonly target: Target;
  readonly localPath: string;
  /** For messages. */
  readonly name: string;
}

export interface DownloadOptions {
  readonly force: boolean;
  readonly signal?: AbortSignal;
  readonly observer: TransferObserver;
}

export function downloadFiles(
  _session: Session,
  _wanted: AsyncIterable<DownloadWanted> | Iterable<DownloadWanted>,
  _options: DownloadOptions,
): AsyncIterable<FileResult> {
  throw new Fault("internal", "being written");
}
