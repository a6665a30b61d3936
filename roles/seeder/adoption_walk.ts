/**
 * Walks a person's files below the disk folder, names in their order, without ever following a
 * link. Memory is one directory's names for each level. It looks at nothing but names and kinds;
 * what a file is like is asked by whoever gets it.
 */
import { asFault, Fault } from "../../protocol/mod.ts";
import type { Disk, DiskEntryKind } from "../kit/disk.ts";
import { inWalkOrder, isPassedOver } from "./plan/adopt.ts";

export type Found =
  /** The path from the top of the disk folder. */
  | { readonly kind: DiskEntryKind; readonly path: string }
  /** The path leads to another disk: what is there is none of this one's. */
  | { readonly kind: "elsewhere"; readonly path: string }
  | { readonly kind: "unreadable"; readonly path: string; readonly fault: Fault };

/** Everything but directories that could be read. */
export async function* walkFolder(disk: Disk, folder: string): AsyncGenerator<Found> {
  const levels: { readonly path: string; readonly entries: Iterator<Named> }[] = [];
  let device: number | undefined;
  const enter = async (path: string): Promise<Found | undefined> => {
    try {
      const stat = await disk.stat(path === "" ? await disk.realPath(folder) : folder + path);
      if (stat?.kind !== "directory") throw new Fault("local-not-found", `${path} is gone`);
      device ??= stat.device;
      if (stat.device !== device) return { kind: "elsewhere", path };
      levels.push({ path, entries: (await namesIn(disk, folder + path)).values() });
      return undefined;
    } catch (error) {
      return { kind: "unreadable", path: path === "" ? "/" : path, fault: asFault(error) };
    }
  };
  const unreadable = await enter("");
  if (unreadable !== undefined) yield unreadable;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.entries.next();
    if (next.done) {
      levels.pop();
      continue;
    }
    const { name, kind } = next.value;
    const path = `${level.path}/${name}`;
    // Nothing can be entered by a name that is no UTF-8.
    if (kind !== "directory" || !name.isWellFormed()) yield { kind, path };
    else if (!isPassedOver(level.path, name)) {
      const unreadable = await enter(path);
      if (unreadable !== undefined) yield unreadable;
    }
  }
}

interface Named {
  readonly name: string;
  readonly kind: DiskEntryKind;
}

/** Several may have the same text, where that is all that is known of their names. */
async function namesIn(disk: Disk, path: string): Promise<readonly Named[]> {
  return inWalkOrder(await disk.list(path));
}
