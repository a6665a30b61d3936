/**
 * A tracker with an empty disk from a file that `offshore backup` wrote: the whole log with its
 * signatures, read line by line, each operation checked and done again. The file ends with nothing
 * that says so, hence its head tells up to where it goes.
 */
import {
  BackupHead,
  Fault,
  limits,
  LogRecord,
  readLogLine,
  unsealKey,
} from "../../protocol/mod.ts";
import type { Disk } from "../kit/disk.ts";
import { ClusterKeys } from "./cluster_keys.ts";
import { LogIntake } from "./log_intake.ts";
import { beginIntake, endIntake, type RebuildParts } from "./way_back.ts";

/**
 * How many operations were done again; none when that was done before. @throws Fault
 * `config-corrupt` when the file is damaged or cut off; `code-invalid`; `config-invalid` when there
 * is a cluster in the folder already
 */
export async function restoreFile(parts: RebuildParts, path: string): Promise<number> {
  const lines = linesOf(parts.disk, path);
  const first = await lines.next();
  const head = first.done ? undefined : readLogLine(BackupHead, first.value);
  if (head === undefined) throw damaged(path, "it does not begin like a backup");
  const clusterKey = unsealKey(parts.recoveryCode, head.card.sealedKey);
  const keys = new ClusterKeys({ clusterId: head.clusterId, clusterKey });
  if (!await beginIntake(parts)) return 0;
  const intake = await LogIntake.open(parts.catalog, clusterKey);
  let page: LogRecord[] = [];
  for await (const line of lines) {
    const record = readLogLine(LogRecord, line);
    if (record === undefined) {
      throw damaged(path, `line ${intake.position.sequence + 2} is not whole`);
    }
    page.push(record);
    if (page.length < limits.logPageRecordsMax) continue;
    await intake.take(page);
    page = [];
  }
  await intake.take(page);
  const { sequence, checksum } = intake.position;
  if (sequence !== head.upTo.sequence || checksum !== head.upTo.checksum) {
    throw damaged(path, `it ends after operation ${sequence} of ${head.upTo.sequence}`);
  }
  const epoch = await endIntake(parts, keys, Math.max(head.epoch, intake.position.epoch));
  parts.log.info("restored", { path, operations: sequence, epoch });
  return sequence;
}

function damaged(path: string, why: string): Fault {
  return new Fault("config-corrupt", `${path}: ${why}`, { next: "take another backup" });
}

const partBytes = 256 * 1024;

/** The lines of a file, without their line feeds. */
async function* linesOf(disk: Disk, path: string): AsyncGenerator<string, undefined> {
  const file = await disk.open(path, "read");
  try {
    const decoder = new TextDecoder();
    const sizeBytes = await file.sizeBytes();
    let rest = "";
    const buffer = new Uint8Array(partBytes);
    for (let offset = 0; offset < sizeBytes;) {
      const count = await file.read(buffer, offset);
      if (count === 0) break;
      offset += count;
      rest += decoder.decode(buffer.subarray(0, count), { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    file.close();
  }
  return undefined;
}
