/**
 * Walks trees, on this machine and in the namespace, parents before what is in them, names in
 * order. Both yield as they go and keep one directory's names at each depth, however large the
 * tree. A directory that cannot be read is one entry that says so; the walk goes on.
 */
import {
  asFault,
  childOf,
  type Entry,
  Fault,
  type RemotePath,
  segmentProblem,
} from "../../../protocol/mod.ts";
import type { Disk, DiskStat } from "../../kit/disk.ts";
import { localChildOf } from "../local_paths.ts";
import type { TrackerConnection } from "../cluster/session.ts";
import { visible } from "../terminal/wording.ts";

export interface LocalEntry {
  readonly path: string;
  /** Names from below the top. */
  readonly below: readonly string[];
  readonly stat: DiskStat;
}

export interface WalkFailure {
  readonly path: string;
  readonly fault: Fault;
}

/** Everything below a local directory; links are not followed. */
export async function* walkLocal(
  disk: Disk,
  top: string,
): AsyncGenerator<LocalEntry | WalkFailure> {
  const open: { path: string; below: string[]; names: string[] }[] = [];
  const enter = async (path: string, below: string[]) => {
    const names = (await disk.list(path)).map((entry) => entry.name);
    open.push({ path, below, names: names.toSorted().toReversed() });
  };
  await enter(top, []);
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const name = at.names.pop();
    if (name === undefined) {
      open.pop();
      continue;
    }
    const path = localChildOf(at.path, name);
    const below = [...at.below, name];
    try {
      const stat = await disk.stat(path);
      if (stat === undefined) throw new Fault("local-not-found", `${path} is gone`);
      yield { path, below, stat };
      if (stat.kind === "directory") await enter(path, below);
    } catch (error) {
      yield { path, fault: asFault(error) };
    }
  }
}

export interface RemoteEntry {
  readonly path: RemotePath;
  readonly below: readonly string[];
  readonly entry: Entry;
}

/** Counting the copies of long files takes the tracker a while: fewer of them at a time. */
const entriesWithCopies = 100;

/** The entries of one remote directory, page by page, in order of name. */
export async function* listRemote(
  tracker: TrackerConnection,
  path: RemotePath,
  signal: AbortSignal,
  copies = false,
): AsyncGenerator<readonly Entry[]> {
  let after: string | undefined;
  do {
    const asked = copies ? { path, copies, limit: entriesWithCopies } : { path };
    const page = after === undefined ? asked : { ...asked, after };
    const reply = await tracker.list(page, { signal });
    yield reply.entries;
    after = reply.next;
  } while (after !== undefined);
}

/**
 * Everything below a remote directory; links are not followed. A name that could lead out of the
 * tree when it is written to a disk is a failure and nothing below it is looked at.
 */
export async function* walkRemote(
  tracker: TrackerConnection,
  top: RemotePath,
  signal: AbortSignal,
): AsyncGenerator<RemoteEntry | WalkFailure> {
  const open: { path: RemotePath; below: string[] }[] = [{ path: top, below: [] }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const directories: typeof open = [];
    try {
      for await (const entries of listRemote(tracker, at.path, signal)) {
        for (const entry of entries) {
          const problem = segmentProblem(entry.name);
          if (problem !== undefined) {
            const path = `${at.path}/${visible(entry.name)}`;
            yield { path, fault: new Fault("invalid-name", `${path}: ${problem}`) };
            continue;
          }
          const path = childOf(at.path, entry.name);
          const below = [...at.below, entry.name];
          yield { path, below, entry };
          if (entry.kind === "directory") directories.push({ path, below });
        }
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const fault = asFault(error);
      // Without a tracker nothing below can be listed either.
      if (fault.code === "tracker-unreachable" || at.below.length === 0) throw fault;
      yield { path: at.path, fault };
    }
    open.push(...directories.toReversed());
  }
}
