/**
 * From a catalog to the lines of a snapshot and back. A restore may be broken off and begun again
 * with the same snapshot: the log is begun last, and rows that are there already are put again.
 */
import {
  asFault,
  type ClusterId,
  Fault,
  isSameSnapshot,
  type LogRecord,
  type SecretKey,
  type SnapshotMark,
  SnapshotWriter,
} from "../../../protocol/mod.ts";
import type { Disk } from "../../kit/disk.ts";
import { readSnapshot } from "../../kit/snapshot_folder.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";
import { putRow, rowsOf, rowsPerPage } from "./snapshot_rows.ts";

/** Between two pages: whoever waits for the tracker comes first. Throws when it is stopping. */
export type Pause = () => Promise<void>;

const writtenAtOnceBytes = 256 * 1024;

/**
 * Writes what the tables of `catalog` are after `at` to a new file, synced. Nobody may write to the
 * catalog meanwhile.
 */
export async function writeSnapshot(
  catalog: Catalog,
  parts: { readonly clusterId: ClusterId; readonly clusterKey: SecretKey; readonly at: LogRecord },
  disk: Disk,
  path: string,
  pause: Pause,
): Promise<SnapshotMark> {
  const encoder = new TextEncoder();
  const file = await disk.open(path, "create");
  try {
    let offset = 0, text = "";
    const write = async (more: string) => {
      text += more;
      if (text.length < writtenAtOnceBytes) return;
      const bytes = encoder.encode(text);
      text = "";
      await file.write(bytes, offset);
      offset += bytes.length;
    };
    const mark = await eachLine(catalog, parts, write, pause);
    const rest = encoder.encode(text);
    await file.write(rest, offset);
    await file.sync();
    return mark;
  } finally {
    file.close();
  }
}

/** The mark that a snapshot of `catalog` would have. */
export function markOf(
  catalog: Catalog,
  parts: { readonly clusterId: ClusterId; readonly clusterKey: SecretKey; readonly at: LogRecord },
  pause: Pause,
): Promise<SnapshotMark> {
  return eachLine(catalog, parts, () => Promise.resolve(), pause);
}

async function eachLine(
  catalog: Catalog,
  parts: { readonly clusterId: ClusterId; readonly clusterKey: SecretKey; readonly at: LogRecord },
  write: (text: string) => Promise<void>,
  pause: Pause,
): Promise<SnapshotMark> {
  const { clusterId, clusterKey, at } = parts;
  const writer = new SnapshotWriter(clusterKey, { format: "offshore snapshot 1", clusterId, at });
  await write(writer.begin());
  for await (const page of rowsOf(catalog)) {
    for (const row of page) await write(writer.row(row));
    await pause();
  }
  const { text, mark } = writer.end();
  await write(text);
  return mark;
}

/** Of a tracker that serves nobody yet: fewer syncs, and nobody who waits for the next page. */
export const rowsAtOnceAlone = 5_000;

/**
 * Fills an empty catalog; the operation its log begins with. @throws Fault `config-corrupt` when
 * the snapshot is damaged or was not written by the cluster's tracker
 */
export async function restoreSnapshot(
  catalog: Catalog,
  file: { readonly disk: Disk; readonly path: string },
  mark: SnapshotMark,
  clusterKey: SecretKey,
  pause: Pause,
  rowsAtOnce: number = rowsPerPage,
): Promise<LogRow> {
  let rows: unknown[] = [];
  const write = async () => {
    const page = rows;
    rows = [];
    await catalog.transaction(async (tx) => {
      for (const row of page) await putRow(tx, row);
    });
    await pause();
  };
  try {
    const check = await readSnapshot(file.disk, file.path, async (row) => {
      rows.push(row);
      if (rows.length >= rowsAtOnce) await write();
    });
    await write();
    const { head } = check;
    const same = check.mark !== undefined && isSameSnapshot(check.mark, mark);
    if (!same || head === undefined || !check.isSigned(clusterKey)) {
      throw damaged(mark, "it is not whole or not the tracker's");
    }
    const { mac: _, ...row } = head.at;
    await catalog.transaction((tx) => tx.beginLog(row));
    return row;
  } catch (error) {
    const fault = asFault(error);
    if (fault.code !== "internal") throw fault;
    throw damaged(mark, fault.message, error);
  }
}

function damaged(mark: SnapshotMark, why: string, cause?: unknown): Fault {
  return new Fault("config-corrupt", `the snapshot at operation ${mark.sequence}: ${why}`, {
    next: "take an older snapshot, or that of another seeder",
    cause,
  });
}
