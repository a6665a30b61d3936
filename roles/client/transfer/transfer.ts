/**
 * What transfers in both directions have in common: what they tell while they run and at the end.
 */
import type { Fault, VersionId } from "../../../protocol/mod.ts";

export interface TransferObserver {
  /** More to do. */
  expect(bytes: number): void;
  /** Done, and through which seeder; undefined when it was there already. */
  advance(bytes: number, seeder: string | undefined): void;
  /** One event worth a line for people. */
  note(text: string): void;
}

export const silentObserver: TransferObserver = { expect() {}, advance() {}, note() {} };

export interface FileResult {
  /** The remote path for uploads, the local path for downloads. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly versionId?: VersionId;
  /** Uploads: fewest copies over the file's chunks, and how many were asked for. */
  readonly copies?: number;
  readonly wanted?: number;
  /** Uploads: the version before, where it was kept. */
  readonly kept?: VersionId;
  /** Uploads: the version before, where it is gone for good, and why. */
  readonly gone?: { readonly versionId: VersionId; readonly why: "policy" | "room" };
  /** Present when the file was not transferred. */
  readonly fault?: Fault;
  /** What went over the wire, copies not counted; the rest was there already. */
  readonly bytesMoved?: number;
}
