/** Where a chunk lies on a seeder's disk: in a file of its own, or in a record of a pack. */
import type { ChunkIndex } from "./chunk_index.ts";

export interface InFile {
  readonly kind: "file";
  readonly sizeBytes: number;
}

export interface InPack {
  readonly kind: "pack";
  readonly sizeBytes: number;
  readonly pack: number;
  /** Where the record's head begins. */
  readonly offset: number;
}

export type Location = InFile | InPack;
export type DiskIndex = ChunkIndex<Location>;
