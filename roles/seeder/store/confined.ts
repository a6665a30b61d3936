/**
 * Opens a person's file below the disk folder and nowhere else. Whoever may write in the folder may
 * change a directory of a path into a link while the path is followed, and the system has no call
 * here that follows none. But such a change is a change of the directory in which it is made, which
 * shows in a time that nobody can set: where no directory of the path changed between a look before
 * and a look after, the path led in between where the looks say, through directories only.
 *
 * Once a file was adopted its number tells it from every other, so that serving it compares only
 * that.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, type DiskFile, type DiskStat, isSameFile } from "../../kit/disk.ts";
import { type Fingerprint, isAsHashed } from "./adopted_format.ts";

export interface ConfinedParts {
  readonly disk: Disk;
  readonly clock: Pick<Clock, "now">;
  /** The disk folder: what a path begins from. */
  readonly folder: string;
}

/**
 * A directory rests when it was not changed for so long. The runtime tells that time in whole
 * seconds, and file systems count it in steps of up to 10 ms: two changes in one second look like
 * one.
 */
export const folderRestMs = 1_050;

/**
 * The file, open; undefined where a directory on its path is being changed, or was a second ago.
 * @throws Fault `disk-failed` when the path leads through a link, to another disk, or to a file
 * that may have a name elsewhere; when it is no regular file
 */
export async function openConfined(
  { disk, clock, folder }: ConfinedParts,
  path: string,
): Promise<DiskFile | undefined> {
  const nowMs = clock.now();
  const before = await directoriesOf(disk, folder, path);
  if (before.some((one) => Math.abs(nowMs - one.changedMs) <= folderRestMs)) return undefined;
  const file = await disk.open(folder + path, "plain");
  try {
    const after = await directoriesOf(disk, folder, path);
    checkOwn(await file.stat(), before);
    if (before.every((one, i) => isUnchanged(one, after[i]))) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

/** The folder and every directory on the path, from the top. */
async function directoriesOf(disk: Disk, folder: string, path: string): Promise<DiskStat[]> {
  const found: DiskStat[] = [];
  const names = path.split("/").slice(1, -1);
  for (let depth = 0; depth <= names.length; depth++) {
    const at = ["", ...names.slice(0, depth)].join("/");
    // The folder itself may be named through links: whoever runs the seeder chose it.
    const stat = await disk.stat(depth === 0 ? await disk.realPath(folder) : folder + at);
    if (stat === undefined) throw new Fault("local-not-found", `${at} is gone`);
    if (stat.kind !== "directory") throw new Fault("disk-failed", `${at} is no directory`);
    if (stat.device !== (found[0] ?? stat).device) {
      throw new Fault("disk-failed", `${at} is on another disk`);
    }
    found.push(stat);
  }
  return found;
}

function isUnchanged(before: DiskStat, after: DiskStat | undefined): boolean {
  return isSameFile(before, after) && before.changedMs === after?.changedMs;
}

/**
 * A file with several names may have one outside, made by somebody who may not read it. Backups of
 * hard links are such files too; theirs belong to whoever owns the folder they lie in.
 */
function checkOwn(file: DiskStat, directories: readonly DiskStat[]): void {
  if (file.device !== directories[0]?.device) {
    throw new Fault("disk-failed", "it is on another disk");
  }
  if (file.links > 1 && file.owner !== directories.at(-1)?.owner) {
    throw new Fault("disk-failed", "it has other names and is not its folder's owner's");
  }
}

/** The adopted file, open; else why it is not what it was. */
export async function openAsHashed(
  disk: Disk,
  folder: string,
  head: Fingerprint & { readonly path: string },
): Promise<DiskFile | string> {
  const path = folder + head.path;
  let file: DiskFile;
  try {
    file = await disk.open(path, "plain");
  } catch (error) {
    const stat = await disk.stat(path);
    if (stat === undefined) return "it is gone";
    if (!isAsHashed(head, stat)) return "it was changed";
    throw error;
  }
  try {
    const stat = await file.stat();
    const top = await disk.stat(await disk.realPath(folder));
    if (isAsHashed(head, stat) && stat.device === top?.device) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return "it was changed";
}
