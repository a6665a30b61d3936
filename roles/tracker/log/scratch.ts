/**
 * Catalogs beside the real one. What is in them can be made again from the log and a snapshot, so
 * they may be removed at any time; they are where a snapshot is made and proved.
 */
import type { Disk } from "../../kit/disk.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { openSqliteCatalog } from "../catalog/sqlite_catalog.ts";

/**
 * `follower` does what the log says again; `restored` is what a snapshot says; `mended` takes the
 * place of a damaged catalog.
 */
export type ScratchName = "follower" | "restored" | "mended";

export interface Scratch {
  /** What was there before, or an empty one. Opened by one at a time. */
  open(name: ScratchName): Promise<Catalog>;
  /** It must be closed. Nothing happens when it is not there. */
  remove(name: ScratchName): Promise<void>;
}

export function sqliteScratch(disk: Disk, directory: string): Scratch {
  const remove = async (name: ScratchName) => {
    for (const ending of ["", "-wal", "-shm"]) {
      const path = `${directory}/${name}.sqlite${ending}`;
      if (await disk.stat(path) !== undefined) await disk.remove(path);
    }
  };
  return {
    open: async (name) => {
      await disk.makeDirectory(directory);
      const path = `${directory}/${name}.sqlite`;
      try {
        return await openSqliteCatalog(path);
      } catch {
        // Damaged, or of another version: it is made again.
        await remove(name);
        return await openSqliteCatalog(path);
      }
    },
    remove,
  };
}
