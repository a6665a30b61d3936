/**
 * Puts a catalog file that was built anew in the place of a damaged one, which is kept aside. In
 * one step: once the new file has the name it waits under, the exchange is done to its end, be it
 * at the next start.
 */
import type { Disk } from "../../kit/disk.ts";

const waiting = ".mended";

/** Both must be closed. */
export async function beginExchange(
  disk: Disk,
  path: string,
  mended: string,
  nowMs: number,
): Promise<void> {
  await disk.rename(mended, `${path}${waiting}`);
  await disk.syncDirectory(folderOf(path));
  await endExchange(disk, path, nowMs);
}

/** Nothing happens when no file waits. */
export async function endExchange(disk: Disk, path: string, nowMs: number): Promise<void> {
  if (await disk.stat(`${path}${waiting}`) === undefined) return;
  // The file last: with what is written ahead of another one it would be damaged itself.
  for (const ending of ["-wal", "-shm", ""]) {
    if (await disk.stat(`${path}${ending}`) === undefined) continue;
    await disk.rename(`${path}${ending}`, `${path}.damaged-${nowMs}${ending}`);
  }
  await disk.syncDirectory(folderOf(path));
  await disk.rename(`${path}${waiting}`, path);
  await disk.syncDirectory(folderOf(path));
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
