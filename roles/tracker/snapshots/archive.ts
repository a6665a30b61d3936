/** Puts together what makes, proves and keeps snapshots. */
import type { Clock } from "../../kit/clock.ts";
import type { SnapshotFolder } from "../../kit/snapshot_folder.ts";
import { Follower } from "../log/follower.ts";
import { Snapshots, type SnapshotsParts } from "./snapshots.ts";

export interface Archive {
  readonly folder: SnapshotFolder;
  readonly follower: Follower;
  readonly snapshots: Snapshots;
  close(): Promise<void>;
}

/** Between two pages of work in the background: whoever waits for the tracker comes first. */
const politeMs = 2;

export function openArchive(
  parts: Omit<SnapshotsParts, "follower" | "pause"> & { readonly clock: Clock },
): Archive {
  const closing = new AbortController();
  const pause = () => parts.clock.sleep(politeMs, closing.signal);
  const follower = new Follower({ ...parts, pause, live: parts.catalog });
  return {
    folder: parts.folder,
    follower,
    snapshots: new Snapshots({ ...parts, pause, follower }),
    close: () => {
      closing.abort(new Error("the tracker is stopping"));
      return follower.close();
    },
  };
}
