/**
 * Where a chunk lies on a seeder's disk: in a file of its own, in a record of a pack, or in a file
 * a person left there.
 */
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

/** A part of a person's file, by the file's number in the journal of adopted files. */
export interface InPlace {
  readonly file: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

export type Location = InFile | InPack;
