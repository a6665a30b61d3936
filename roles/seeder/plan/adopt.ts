/**
 * What to do with what lies in a seeder's disk folder: in which order it is walked, which names can
 * be adopted, what becomes of a file that was seen, and how much rest transfers get. Pure: names,
 * sizes and times in, a decision out.
 */
import { limits, pathProblem, withEscapes } from "../../../protocol/mod.ts";

/** What a look at one name gives. */
export interface Seen {
  readonly kind: "file" | "directory" | "link" | "other";
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

export type FilePlan =
  /** It was hashed as it is. */
  | { readonly do: "keep" }
  | { readonly do: "hash" }
  /** It may be half-written. */
  | { readonly do: "wait" };

/** @param known what the file was like when it was hashed */
export function planFile(
  seen: Seen,
  known: Pick<Seen, "sizeBytes" | "modifiedMs" | "inode"> | undefined,
  nowMs: number,
): FilePlan {
  const same = known !== undefined && known.sizeBytes === seen.sizeBytes &&
    known.modifiedMs === seen.modifiedMs && known.inode === seen.inode;
  if (same) return { do: "keep" };
  const ageMs = nowMs - seen.modifiedMs;
  // A time that lies ahead says nothing; it must not keep a file out for ever.
  return { do: ageMs >= 0 && ageMs < limits.adoptSettleMs ? "wait" : "hash" };
}

/**
 * Folders that are never entered: those of OFFSHORE itself, on whatever disk they were made, those
 * in which its downloads gather, and the one that a file system keeps at its top for its repairs.
 */
export function isPassedOver(folder: string, name: string): boolean {
  return name === ".offshore" || /^\.offshore-[0-9a-f]{16}$/.test(name) ||
    (folder === "" && name === "lost+found");
}

/** In the order of their UTF-8 bytes, so that every walk meets names in the same order. */
export function inWalkOrder<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  const encoder = new TextEncoder();
  return entries.map((entry) => ({ entry, bytes: encoder.encode(entry.name) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ entry }) => entry);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Why something that lies in the folder is not adopted; undefined when it can be. */
export function leftOutWhy(path: string, kind: Seen["kind"] | "elsewhere"): string | undefined {
  if (!path.isWellFormed()) return "its name is not valid UTF-8: rename it";
  if (kind === "elsewhere") return "it is on another disk: give that a seeder of its own";
  if (kind === "link") return "it is a symbolic link: links are not followed";
  if (kind === "other") return "it is neither a file nor a directory";
  const problem = pathProblem(path);
  return problem === undefined ? undefined : `${problem}: rename it`;
}

/** How long to rest after work that took so long: transfers get three quarters of the disk. */
export function restAfter(tookMs: number, busy: boolean): number {
  return busy ? Math.min(2_000, 3 * tookMs) : 0;
}

/** How many of these files go into one message, at least one; large ones are cut into pages. */
export function filesInOffer(chunkCounts: readonly number[]): number {
  let chunks = 0, files = 0;
  for (const count of chunkCounts) {
    if (files === limits.adoptPageFilesMax) break;
    if (files > 0 && chunks + count > limits.adoptPageChunksMax) break;
    if (files > 0 && count > limits.manifestPageChunksMax) break;
    chunks += count;
    files++;
    if (count > limits.manifestPageChunksMax) break;
  }
  return files;
}

/** Free of control characters, and short enough to be told. */
export function tellable(path: string): string {
  return withEscapes(path).toWellFormed().replace(/\p{Cc}/gu, "\ufffd").slice(
    0,
    limits.pathBytesMax,
  );
}
