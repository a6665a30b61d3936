/**
 * `backup`: the cluster's newest snapshot and the operations after it, or the whole log, in one
 * file, from which a tracker with an empty disk starts again (`--restore`). The file is written
 * beside its name, synced, and read back from the disk; only when all of it is found good does it
 * get its name. `--check` reads one that is there already.
 */
import {
  asFault,
  type BackupHead,
  Fault,
  followsIn,
  logLine,
  logOrigin,
  type LogPosition,
  positionAfter,
  positionOf,
  SnapshotCheck,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import { readBackup } from "../../kit/backup_file.ts";
import { giveName, sweepBeside, WorkDirectory } from "../../kit/beside.ts";
import type { Command, CommandContext } from "../command.ts";
import { localParentOf } from "../local_paths.ts";
import { count, visible } from "../terminal/wording.ts";

export const backup: Command = {
  spec: {
    name: "backup",
    changes: "local",
    group: "Cluster",
    summary: "Write the catalog into a local file: all names, versions and policies, no contents.",
    details: `The file is read back and checked before it gets its name.
To restore it, start a tracker on an empty disk:
offshore --role tracker --disk /srv/new --restore FILE
The contents stay on the seeders. Seeders keep the catalog too: see docs/RECOVERY.md.
(\`restore\` is another command: it brings removed files back.)`,
    arguments: [{ name: "file", summary: "a local file that is not there yet" }],
    options: [{
      name: "check",
      summary: "read a backup that is there and say whether it is whole",
    }],
    examples: ["backup /mnt/usb/offshore.backup", "backup --check /mnt/usb/offshore.backup"],
  },
  completes: ["local"],
  run: async (context) => {
    const path = context.localPath(context.run.word("file") ?? "");
    if (context.run.isSet("check")) return await tell(context, path, "whole");
    if (await context.disk.stat(path) !== undefined) {
      throw new Fault("local-exists", `${visible(path)} is there already`);
    }
    await writeChecked(context, path);
    await tell(context, path, "written and read back");
    if (!context.json) context.note("it is of use only with the recovery code of the cluster");
  },
};

async function tell(context: CommandContext, path: string, how: string): Promise<void> {
  const { upTo, base, clusterId } = await readBackup(context.disk, path);
  const operations = upTo.sequence;
  if (context.json) {
    return await context.printJson({
      ...{ path, clusterId, operations },
      ...base === undefined ? {} : { snapshot: base.sequence },
    });
  }
  const made = base === undefined ? "" : `, a snapshot at ${base.sequence} and those after it`;
  await context.print(
    `${visible(path)}: ${count(operations, "operation", "operations")}${made}; ${how}`,
  );
}

/** Beside its name, read back before it gets that, and only where it is still free. */
async function writeChecked(context: CommandContext, path: string): Promise<void> {
  const { disk } = context;
  await sweepBeside(disk, localParentOf(path));
  const work = await WorkDirectory.make(disk, context.random, localParentOf(path));
  const name = String(work.next());
  const gathered = `${work.path}/${name}`;
  try {
    await writeWhole(context, gathered);
    await readBackup(disk, gathered);
    const file = await disk.open(gathered, "read");
    try {
      await giveName(disk, file, gathered, path, false);
    } finally {
      file.close();
    }
    await disk.syncDirectory(localParentOf(path));
  } finally {
    await work.remove(name);
    await work.end();
  }
}

/** The tracker may make a newer snapshot meanwhile and let this one go: then it is begun again. */
async function writeWhole(context: CommandContext, path: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    if (await context.disk.stat(path) !== undefined) await context.disk.remove(path);
    try {
      return await writeBackup(context, path);
    } catch (error) {
      if (asFault(error).code !== "not-found" || attempt === attemptsMost) throw error;
    }
  }
}
const attemptsMost = 5;

async function writeBackup(context: CommandContext, path: string): Promise<void> {
  const { session } = await context.access();
  const ask = (after: number) => session.tracker.exportLog({ after }, { signal: context.signal });
  const { card, epoch, head: upTo, base } = await ask(0);
  const { clusterId } = card.sealedKey;
  const head: BackupHead = base === undefined
    ? { format: "offshore backup 1", clusterId, epoch, card, upTo }
    : { format: "offshore backup 2", clusterId, epoch, card, upTo, base };
  const encoder = new TextEncoder();
  const file = await context.disk.open(path, "create", 0o600);
  try {
    let sizeBytes = 0;
    const write = async (text: string) => {
      context.signal.throwIfAborted();
      const bytes = encoder.encode(text);
      await file.write(bytes, sizeBytes);
      sizeBytes += bytes.length;
    };
    await write(logLine(head));
    let position = base === undefined ? logOrigin : await writeBase(context, base, write);
    while (position.sequence < upTo.sequence) {
      const { records } = await ask(position.sequence);
      if (records.length === 0) throw broken(position.sequence + 1);
      for (const record of records) {
        if (position.sequence === upTo.sequence) break;
        if (!followsIn(position, record)) throw broken(record.sequence);
        await write(logLine(record));
        position = positionOf(record);
      }
    }
    if (position.checksum !== upTo.checksum) throw broken(upTo.sequence);
    await file.sync();
  } finally {
    file.close();
  }
}

/** Where the log goes on. */
async function writeBase(
  context: CommandContext,
  base: SnapshotMark,
  write: (text: string) => Promise<void>,
): Promise<LogPosition> {
  const { session } = await context.access();
  const check = new SnapshotCheck();
  while (check.mark === undefined) {
    const part = { sequence: base.sequence, offset: check.sizeBytes };
    const { text } = await session.tracker.exportSnapshot(part, { signal: context.signal });
    if (!text.endsWith("\n")) throw broken(base.sequence);
    for (const line of text.slice(0, -1).split("\n")) check.take(line);
    await write(text);
  }
  if (check.head === undefined) throw broken(base.sequence);
  return positionAfter(check.head);
}

function broken(sequence: number): Fault {
  return new Fault("config-corrupt", `operation ${sequence} of the tracker's log is damaged`, {
    next: "look into the tracker's log; its seeders keep the operations too",
  });
}
