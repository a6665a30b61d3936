/**
 * Reads a file that `backup` wrote: a head, perhaps the lines of a snapshot, and the records of the
 * log after it. Every line tells whether it is whole, every record whether it follows, and the head
 * tells where the file must end, so all of it is checked but the tracker's signatures.
 */
import {
  BackupHead,
  Fault,
  followsIn,
  isSameSnapshot,
  limits,
  logOrigin,
  type LogPosition,
  LogRecord,
  positionAfter,
  positionOf,
  readLogLine,
  SnapshotCheck,
} from "../../protocol/mod.ts";
import type { Disk } from "./disk.ts";
import { linesOf } from "./lines.ts";

/** Who is told what the file holds, in its order. */
export interface BackupListener {
  head?(head: BackupHead): Promise<void>;
  /** Some lines of the snapshot. */
  snapshot?(text: string): Promise<void>;
  /** The snapshot is whole. */
  based?(): Promise<void>;
  records?(records: readonly LogRecord[]): Promise<void>;
}

/** @throws Fault `config-corrupt` when it is damaged or cut off */
export async function readBackup(
  disk: Disk,
  path: string,
  listener: BackupListener = {},
): Promise<BackupHead> {
  const lines = linesOf(disk, path);
  const first = await lines.next();
  const head = first.done ? undefined : readLogLine(BackupHead, first.value);
  if (head === undefined) throw damaged(path, "it does not begin like a backup");
  await listener.head?.(head);
  const position = head.base === undefined
    ? logOrigin
    : await readBase(path, head, lines, listener);
  const end = await readRecords(path, position, lines, listener);
  if (end.sequence !== head.upTo.sequence || end.checksum !== head.upTo.checksum) {
    throw damaged(path, `it ends after operation ${end.sequence} of ${head.upTo.sequence}`);
  }
  return head;
}

async function readBase(
  path: string,
  { base }: BackupHead,
  lines: AsyncGenerator<string, undefined>,
  listener: BackupListener,
): Promise<LogPosition> {
  const check = new SnapshotCheck();
  let text = "";
  while (check.mark === undefined) {
    const line = await lines.next();
    if (line.done) throw damaged(path, "its snapshot is cut off");
    check.take(line.value);
    text += `${line.value}\n`;
    if (text.length < limits.snapshotPageBytesMax && check.mark === undefined) continue;
    await listener.snapshot?.(text);
    text = "";
  }
  if (base === undefined || check.head === undefined || !isSameSnapshot(check.mark, base)) {
    throw damaged(path, "its snapshot is not the one it names");
  }
  await listener.based?.();
  return positionAfter(check.head);
}

async function readRecords(
  path: string,
  from: LogPosition,
  lines: AsyncGenerator<string, undefined>,
  listener: BackupListener,
): Promise<LogPosition> {
  let position = from;
  let page: LogRecord[] = [];
  for await (const line of lines) {
    const record = readLogLine(LogRecord, line);
    if (record === undefined || !followsIn(position, record)) {
      throw damaged(path, `operation ${position.sequence + 1} is damaged`);
    }
    position = positionOf(record);
    page.push(record);
    if (page.length < limits.logPageRecordsMax) continue;
    await listener.records?.(page);
    page = [];
  }
  if (page.length > 0) await listener.records?.(page);
  return position;
}

function damaged(path: string, why: string): Fault {
  return new Fault("config-corrupt", `${path}: ${why}`, { next: "take another backup" });
}
